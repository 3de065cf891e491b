# SimMIM for ViT-S/16 of MoCo v3's architecture; not in the paper.
_base_ = 'simmim_vit-b.py'
model = dict(backbone=dict(arch='mocov3-small'), neck=dict(in_channels=384))
