# Linear probe of MoCo v3's ViT-S/16, with 12 heads: 73.2 % for its class token (its CONFIG.md).
_base_ = 'vit-b.py'

work_dir = 'work_dirs/linear_vit-s'
vit_s = dict(embed_dims=384, num_layers=12, num_heads=12, feedforward_channels=1536)
model = dict(
    backbone=dict(
        arch=dict(_delete_=True, **vit_s),
        init_cfg=dict(checkpoint='work_dirs/mimco_vit-s/backbone_epoch_100.pth')),
    head=dict(in_channels=384))
