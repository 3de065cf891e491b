# Table 10's multi-task baseline of the small study: MoBY and SimMIM on one ViT.
_base_ = 'simmim-moby_swin-micro.py'
model = dict(
    backbone=dict(_delete_=True, type='MaskedMoCoV3ViT', **_base_.vit, drop_path_rate=0.1),
    neck=_base_.vit_neck, head=_base_.vit_head,
    decoder=dict(in_channels=64, encoder_stride=4))
