# MoBY, 300 epochs: AdamW, lr 1e-3 at batch 512 after 5 epochs of warm-up, weight decay 0.05.
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    constructor='MergedGroupsConstructor',
    optimizer=dict(
        type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(flat_decay_mult=0.0))  # the relative position bias decays, as in its code
auto_scale_lr = dict(base_batch_size=512, enable=True)
param_scheduler = [
    dict(
        type='WarmupCosineLR',
        warmup=5,
        start_ratio=5e-7 / 1e-3,
        min_ratio=5e-6 / 1e-3,
        end=300,
        by_epoch=True,
        convert_to_iter_based=True)
]
train_cfg = dict(by_epoch=True, max_epochs=300)
