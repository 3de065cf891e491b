# Stage 2 of the small study.
_base_ = ['simmim_swin-micro.py', '_base_/heads.py']

data_preprocessor = dict(send_samples=False)
model = dict(
    _delete_=True,
    type='MimCo',
    backbone=_base_.model.backbone,
    target_generator=dict(
        type='FrozenTeacher',
        backbone={**_base_.model.backbone, 'type': 'SwinTransformer'},
        checkpoint='work_dirs/moby_swin-micro/epoch_40.pth'),
    patch_neck=_base_.neck,
    patch_head=_base_.head,
    image_neck=_base_.neck,
    image_head=_base_.head,
    base_momentum=0.95)  # as in stage 1
