# Table 1, ViT-S/16, 100 epochs: 82.5 % on ImageNet after fine-tuning (paper).
_base_ = 'mimco_vit-b.py'
teacher = 'https://dl.fbaipublicfiles.com/moco-v3/vit-s-300ep/vit-s-300ep.pth.tar'
model = dict(
    backbone=dict(arch='mocov3-small'),  # 384 wide, 12 heads: not DeiT's ViT-S, which has 6
    target_generator=dict(backbone=dict(arch='mocov3-small'), checkpoint=teacher),
    patch_neck=dict(in_channels=384), image_neck=dict(in_channels=384))
