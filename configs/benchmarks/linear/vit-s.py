# Linear probe of MoCo v3's ViT-S/16, with 12 heads: 73.2 % for its class token (its CONFIG.md).
_base_ = 'vit-b.py'
work_dir = 'work_dirs/linear_vit-s'
start = 'work_dirs/mimco_vit-s/backbone_epoch_100.pth'
model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.vit_s), init_cfg=dict(checkpoint=start)),
    head=dict(in_channels=384))
