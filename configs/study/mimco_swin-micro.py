# Stage 2 of the small study.
_base_ = 'simmim_swin-micro.py'

data_preprocessor = dict(type='MimCoDataPreprocessor')
neck = dict(type='MimCoNeck', in_channels=96, hid_channels=512, out_channels=128)
head = dict(
    type='QueueContrastiveHead',
    predictor=dict(type='MimCoNeck', in_channels=128, hid_channels=512, out_channels=128),
    loss=dict(type='InfoNCELoss', temperature=0.2),
    feat_dim=128,
    queue_len=1024)
model = dict(
    _delete_=True,
    type='MimCo',
    backbone=_base_.model.backbone,
    target_generator=dict(
        type='FrozenTeacher',
        backbone={**_base_.model.backbone, 'type': 'SwinTransformer'},
        checkpoint='work_dirs/moby_swin-micro/epoch_40.pth'),
    patch_neck=neck,
    patch_head=head,
    image_neck=neck,
    image_head=head,
    base_momentum=0.95)  # as in stage 1
