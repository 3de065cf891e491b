# MoCo v3 ViT-B/16, 300 epochs, batch 4096: mmpretrain's recipe, with our runner and data reading.
_base_ = ['mmpretrain::mocov3/mocov3_vit-base-p16_16xb256-amp-coslr-300e_in1k.py',
          '../../_base_/plugin.py', '../../_base_/efficiency.py']
data = 'data/imagenet'
train_pipeline = [
    dict(type='LoadRGBImage'),
    _base_.train_pipeline[1],  # MoCo v3's two views
    dict(type='PackInputs', meta_keys=('img_path', )),
]
images = dict(type='ImageFolder', data_root=data, data_prefix='train', with_label=False,
              pipeline=train_pipeline)
train_dataloader = dict(
    drop_last=True,
    collate_fn=dict(_delete_=True, type='default_collate'),  # without the base's `_scope_`
    dataset=dict(_delete_=True, type='ResilientDataset', dataset=images))
data_preprocessor = dict(type='MimCoDataPreprocessor', **_base_.copying)
model = dict(head=dict(type='FloatMoCoV3Head'))
optim_wrapper = dict(
    _delete_=True, **_base_.autocast,
    optimizer=dict(type='AdamW', lr=1.5e-4 * 4096 / 256, weight_decay=0.1))
auto_scale_lr = dict(base_batch_size=4096, enable=True)
randomness = dict(seed=0)
