# ViT-S/16 taught by DINOv3's ViT-S/16.
_base_ = '../mimco_vit-s.py'
model = dict(target_generator=dict(
    _delete_=True, type='FrozenTeacher', layer_norm_targets=True,
    timm='vit_small_patch16_dinov3.lvd1689m'))
