# Swin-T with window 7 at 224 px, taught by a MoBY Swin-T.
_base_ = 'mimco_heads.py'

model = dict(
    backbone=dict(
        type='MaskedSwinTransformer', arch='tiny', img_size=224, drop_path_rate=0.0),  # SimMIM: 0
    target_generator=dict(
        type='FrozenTeacher',
        backbone=dict(type='SwinTransformer', arch='tiny', img_size=224, drop_path_rate=0.0),
        checkpoint='work_dirs/moby_swin-t/epoch_300.pth'))
