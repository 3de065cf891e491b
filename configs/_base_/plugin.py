# What makes a config of mmpretrain one of ours: the plugin, its runner, its hooks.
custom_imports = dict(imports=['mimco_mm'], allow_failed_imports=False)
runner_type = 'mmpretrain.PretrainRunner'
custom_hooks = [
    dict(type='EpochSeedHook'),
    dict(type='RunIdentityHook'),
    dict(type='BrokenImageHook'),
    dict(type='PretrainSummaryHook'),
    dict(type='BackboneFileHook'),
]
