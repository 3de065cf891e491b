# ViT-S/16 taught by DINO's, of DeiT's architecture: 6 heads, learned positions.
_base_ = '../mimco_vit-s.py'
teacher = ('https://dl.fbaipublicfiles.com/dino/dino_deitsmall16_pretrain/'
           'dino_deitsmall16_pretrain.pth')
network = dict(type='VisionTransformer', arch='deit-small')
model = dict(
    backbone=dict(arch='deit-small'),
    target_generator=dict(backbone=network, checkpoint=teacher))
