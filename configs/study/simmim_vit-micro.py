# SimMIM of the small study, ViT.
_base_ = ['simmim_swin-micro.py', '_base_/vit-micro.py']

model = dict(
    backbone=dict(_delete_=True, type='MaskedMoCoV3ViT', drop_path_rate=0.0, **_base_.vit),
    neck=dict(encoder_stride=4, **_base_.width))
