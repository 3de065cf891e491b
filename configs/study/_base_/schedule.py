# One schedule for every method of the study, so that only the method differs. All of it is ours.
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    constructor='MergedGroupsConstructor',
    optimizer=dict(
        type='AdamW', lr=2e-3, betas=(0.9, 0.999), weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(flat_decay_mult=0.0, custom_keys=dict(mask_token=dict(decay_mult=0.0))))
auto_scale_lr = dict(base_batch_size=64, enable=True)
param_scheduler = [
    dict(
        type='WarmupCosineLR',
        warmup=2,
        start_ratio=1e-3,
        min_ratio=1e-2,
        end=40,
        by_epoch=True,
        convert_to_iter_based=True)
]
train_cfg = dict(by_epoch=True, max_epochs=40)
