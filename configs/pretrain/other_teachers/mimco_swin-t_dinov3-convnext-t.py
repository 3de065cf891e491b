# Swin-T taught by DINOv3's ConvNeXt-T, of the same width and grid.
_base_ = '../mimco_swin-t.py'
teacher = 'convnext_tiny.dinov3_lvd1689m'
model = dict(target_generator=dict(
    _delete_=True, type='FrozenTeacher', timm=teacher, layer_norm_targets=True))
