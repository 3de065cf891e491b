# ImageNet's labelled images, data/imagenet/{train,val}/CLASS/IMAGE, top-1 and top-5 accuracy, and
# mmpretrain's runtime with our runner and what keeps a run reproducible.
# Other data: the classes are the folders of train/, which val/ must have as well; `ann_file` names
# a list of `IMAGE LABEL` lines instead, for a val/ without folders.
_base_ = ['../efficiency.py', '../names.py', 'mmpretrain::_base_/default_runtime.py']

data_preprocessor = dict(
    **_base_.rgb, to_rgb=True,
    num_classes=1000)  # also in `model.head`; a count that does not fit stops a run at its start
images = dict(type='LabelledImages', data_root='data/imagenet')
loader = dict(
    **_base_.loading, collate_fn=dict(type='default_collate'),
    batch_size=128)  # iBOT, MoCo v3: 1024, over 8 GPUs
train_dataloader = dict(
    **loader,
    drop_last=True,  # iBOT
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='ResilientDataset', dataset=dict(**images, data_prefix='train')))
val_dataloader = test_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**images, data_prefix='val', test_mode=True))
val_evaluator = test_evaluator = dict(type='Accuracy', topk=(1, 5))
val_cfg = test_cfg = dict()

custom_imports = dict(imports=['mimco_mm'], allow_failed_imports=False)
runner_type = 'mmpretrain.PretrainRunner'
custom_hooks = [
    dict(type='EpochSeedHook'), dict(type='RunIdentityHook'), dict(type='BrokenImageHook'),
    dict(type='LabelCheckHook'), dict(type='DataRecordHook'), dict(type='AccumulationHook'),
]
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(  # iBOT reports the best epoch
        interval=1, max_keep_ckpts=2, save_best='accuracy/top1', rule='greater'))
randomness = dict(seed=0)
