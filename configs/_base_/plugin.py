# What makes a config of mmpretrain one of ours: the plugin, its runner, its hooks.
custom_imports = dict(imports=['mimco_mm'], allow_failed_imports=False)
runner_type = 'mmpretrain.PretrainRunner'
custom_hooks = [
    dict(type='EpochSeedHook'),
    dict(type='RunIdentityHook'),
    dict(type='BrokenImageHook'),
    dict(type='PretrainSummaryHook'),
    dict(type='BackboneFileHook'),
    # The watch, docs/watching_a_run.md. Scalars go where `visualizer.vis_backends` says.
    dict(type='NaNGuardHook', interval=50),
    dict(type='HealthHook', interval=50),
    dict(type='KNNHook', data_root=None),  # on with `custom_hooks.7.data_root=data/imagenet`
    dict(type='AccumulationHook'),
]
