# Section 3.3: 100 epochs, AdamW, lr 1e-3 x batch / 512 after 10 epochs of warm-up, decay 0.05.
optim_wrapper = dict(
    type='AutocastOptimWrapper',  # bfloat16; SimMIM and MoBY: apex O1
    constructor='MergedGroupsConstructor',
    optimizer=dict(
        type='AdamW',
        lr=1e-3 * 2048 / 512,  # paper 3.3
        betas=(0.9, 0.999),  # SimMIM
        weight_decay=0.05,  # paper 3.3
        fused=True),
    clip_grad=dict(max_norm=5.0),  # SimMIM, MoBY
    paramwise_cfg=dict(
        flat_decay_mult=0.0,  # biases and norms, as in SimMIM; the relative position bias decays
        custom_keys={
            'mask_token': dict(decay_mult=0.0),
            'cls_token': dict(decay_mult=0.0),
            'absolute_pos_embed': dict(decay_mult=0.0),
        }))
auto_scale_lr = dict(base_batch_size=2048, enable=True)
param_scheduler = [
    dict(
        type='WarmupCosineLR',
        warmup=10,  # paper 3.3
        start_ratio=1e-6 / 1e-3,  # SimMIM, 100 epochs
        min_ratio=1e-5 / 1e-3,  # SimMIM, 100 epochs
        end=100,
        by_epoch=True,
        convert_to_iter_based=True)
]
train_cfg = dict(by_epoch=True, max_epochs=100)
