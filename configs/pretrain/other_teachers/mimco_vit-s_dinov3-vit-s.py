# ViT-S/16 taught by DINOv3's ViT-S/16.
_base_ = '../mimco_vit-s.py'
teacher = 'vit_small_patch16_dinov3.lvd1689m'
model = dict(target_generator=dict(
    _delete_=True, type='FrozenTeacher', timm=teacher, layer_norm_targets=True))
