# Swin-T with window 7 at 224 px, taught by a MoBY Swin-T.
_base_ = 'mimco_heads.py'

model = dict(
    backbone=dict(
        type='MaskedSwinTransformer', arch='tiny', img_size=224, drop_path_rate=0.0),  # SimMIM: 0
    target_generator=dict(
        type='FrozenTeacher',
        backbone=dict(type='SwinTransformer', arch='tiny', img_size=224, drop_path_rate=0.0),
        checkpoint='https://github.com/SwinTransformer/storage/releases/download/v1.0.3/'
        'moby_swin_t_300ep_pretrained.pth'))  # MoBY's release
