# Swin-T taught by DINOv3's ConvNeXt-T, of the same width and grid.
_base_ = '../mimco_swin-t.py'
model = dict(target_generator=dict(
    _delete_=True, type='FrozenTeacher', layer_norm_targets=True,
    timm='convnext_tiny.dinov3_lvd1689m'))
