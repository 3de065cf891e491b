# Table 10's multi-task baseline of the small study: MoBY and SimMIM on one ViT.
_base_ = ['simmim-moby_swin-micro.py', '_base_/vit-micro.py']

model = dict(
    backbone=dict(_delete_=True, type='MaskedMoCoV3ViT', drop_path_rate=0.1, **_base_.vit),
    neck=_base_.vit_neck,
    head=_base_.vit_head,
    decoder=dict(encoder_stride=4, **_base_.width))
