# k-NN accuracy on ImageNet by the averaged patch tokens of MoCo v3's ViT-S/16, with 12 heads.
_base_ = 'vit-b.py'

vit_s = dict(embed_dims=384, num_layers=12, num_heads=12, feedforward_channels=1536)
model = dict(backbone=dict(arch=dict(_delete_=True, **vit_s)))
