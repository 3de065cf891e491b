# SimMIM of the small study, ViT.
_base_ = 'simmim_swin-micro.py'
model = dict(
    backbone=dict(_delete_=True, type='MaskedMoCoV3ViT', **_base_.vit, drop_path_rate=0.0),
    neck=dict(in_channels=64, encoder_stride=4))
