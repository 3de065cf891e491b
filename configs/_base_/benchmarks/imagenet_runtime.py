# The run of a classifier: mmpretrain's runtime, with our runner and what keeps a run reproducible.
_base_ = 'mmpretrain::_base_/default_runtime.py'

custom_imports = dict(imports=['mimco_mm'], allow_failed_imports=False)
runner_type = 'mmpretrain.PretrainRunner'
custom_hooks = [
    dict(type='EpochSeedHook'),
    dict(type='RunIdentityHook'),
    dict(type='BrokenImageHook'),
    dict(type='LabelCheckHook'),
    dict(type='DataRecordHook'),
]
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(
        interval=1,
        max_keep_ckpts=2,
        save_best='accuracy/top1',  # iBOT reports the best epoch
        rule='greater'))
randomness = dict(seed=0)
