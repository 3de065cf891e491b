# Table 1, Swin-B, 100 epochs: 84.0 % on ImageNet after fine-tuning (paper).
# No MoBY Swin-B was ever released: train teachers/moby_swin-b.py first.
_base_ = 'mimco_swin-t.py'
teacher = 'work_dirs/moby_swin-b/backbone_epoch_300.pth'
model = dict(
    backbone=dict(arch='base'),
    target_generator=dict(
        backbone=dict(arch='base'), checkpoint=teacher,
        if_missing='No MoBY Swin-B was ever released. Train one: '
        'tools/dist_train.sh configs/pretrain/teachers/moby_swin-b.py 8'),
    patch_neck=dict(in_channels=1024), image_neck=dict(in_channels=1024))
