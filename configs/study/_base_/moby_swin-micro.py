# MoBY with a Swin of two stages for 32-px images, 96 wide at the end.
_base_ = 'heads.py'

backbone = dict(
    type='SwinTransformer',
    arch=dict(embed_dims=48, depths=[2, 2], num_heads=[2, 4]),
    img_size=32,
    patch_size=4,
    window_size=4,
    out_indices=(1, ),
    drop_path_rate=0.1,
    init_cfg=[
        dict(type='TruncNormal', layer='Linear', std=0.02, bias=0.0),
        dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0),
    ])
# base_momentum is ours: at MoBY's 0.99 the key branch of such short runs lags behind.
model = dict(
    type='MoBY',
    backbone=backbone,
    neck=_base_.neck,
    head=dict(num_queues=2, **_base_.head),
    base_momentum=0.95)
