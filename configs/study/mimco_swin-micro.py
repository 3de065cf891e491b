# Stage 2 of the small study.
_base_ = '_base_/pretrain.py'
teacher = 'work_dirs/moby_swin-micro/epoch_40.pth'
data_preprocessor = dict(views=[_base_.light_view], mask=_base_.mask, send_samples=False)
network = dict(**_base_.swin, drop_path_rate=0.0)
model = dict(
    type='MimCo',
    backbone=dict(type='MaskedSwinTransformer', **network),
    target_generator=dict(
        type='FrozenTeacher', backbone=dict(type='SwinTransformer', **network), checkpoint=teacher),
    patch_neck=_base_.neck, patch_head=_base_.head,
    image_neck=_base_.neck, image_head=_base_.head,
    base_momentum=0.95)  # as in stage 1
