# Stage 2 of the small study, ViT.
_base_ = 'mimco_swin-micro.py'
teacher = 'work_dirs/moby_vit-micro/epoch_40.pth'
model = dict(
    backbone=dict(_delete_=True, type='MaskedMoCoV3ViT', **_base_.vit, drop_path_rate=0.0),
    target_generator=dict(
        backbone=dict(_delete_=True, type='MoCoV3ViT', **_base_.vit), checkpoint=teacher),
    patch_neck=_base_.vit_neck, patch_head=_base_.vit_head,
    image_neck=_base_.vit_neck, image_head=_base_.vit_head)
