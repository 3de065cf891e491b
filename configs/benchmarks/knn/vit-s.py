# k-NN accuracy on ImageNet by the averaged patch tokens of MoCo v3's ViT-S/16, with 12 heads.
_base_ = 'vit-b.py'
model = dict(backbone=dict(arch=dict(_delete_=True, **_base_.vit_s)))
