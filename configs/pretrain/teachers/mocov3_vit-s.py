# MoCo v3 ViT-S/16 with 12 heads, 300 epochs, batch 4096: 73.2 % linear (MoCo v3's CONFIG.md).
_base_ = 'mocov3_vit-b.py'
model = dict(backbone=dict(arch='mocov3-small'), neck=dict(in_channels=384))
