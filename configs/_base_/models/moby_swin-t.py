# MoBY with a Swin-T of window 7 at 224 px; all of it is MoBY's own recipe.
model = dict(
    type='MoBY',
    backbone=dict(
        type='SwinTransformer',
        arch='tiny',
        img_size=224,
        drop_path_rate=0.2,
        init_cfg=[
            dict(type='TruncNormal', layer='Linear', std=0.02, bias=0.0),
            dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0),
        ]),
    neck=dict(type='MimCoNeck', in_channels=768, hid_channels=4096, out_channels=256),
    head=dict(
        type='QueueContrastiveHead',
        predictor=dict(type='MimCoNeck', in_channels=256, hid_channels=4096, out_channels=256),
        loss=dict(type='InfoNCELoss', temperature=0.2),
        feat_dim=256,
        queue_len=4096,
        num_queues=2),
    key_drop_path_rate=0.0,
    base_momentum=0.99)
