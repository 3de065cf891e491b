# Swin-T taught by EsViT's, which has eps 1e-6 in all its norms. Its release has no public link any
# more: put a copy at the path below.
_base_ = '../mimco_swin-t.py'
teacher = 'data/teachers/esvit_swin-t.pth'
norm = dict(norm_cfg=dict(type='LN', eps=1e-6))
blocks = dict(block_cfgs=norm, downsample_cfg=norm)
model = dict(target_generator=dict(
    backbone=dict(**norm, patch_cfg=norm, stage_cfgs=blocks), checkpoint=teacher,
    if_missing="EsViT's authors have closed the link: ask them for checkpoint_best.pth of "
    'swin_tiny/bl_lr0.0005_gpu16_bs32_dense_multicrop_epoch300.'))
