# What every pre-training run has: images of a folder, without labels (ImageNet's train/, or any
# other tree of images), the watch over it, checkpoints.
_base_ = ['efficiency.py', 'names.py', 'heads.py', 'plugin.py',
          'mmpretrain::_base_/default_runtime.py']
data_preprocessor = dict(**_base_.rgb, to_rgb=True, **_base_.copying)
images = dict(type='ImageFolder', data_prefix='train', with_label=False)
train_dataloader = dict(
    **_base_.loading,
    drop_last=True,  # SimMIM, MoBY
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='ResilientDataset', dataset=images))
default_hooks = dict(logger=dict(interval=50), checkpoint=dict(interval=1, max_keep_ckpts=3))
randomness = dict(seed=0)  # MoBY: SEED 0 + rank; the rank is added by EpochSeedHook
