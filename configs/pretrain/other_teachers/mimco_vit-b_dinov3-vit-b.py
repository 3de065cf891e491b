# ViT-B/16 taught by DINOv3's ViT-B/16.
_base_ = '../mimco_vit-b.py'
teacher = 'vit_base_patch16_dinov3.lvd1689m'
model = dict(target_generator=dict(
    _delete_=True, type='FrozenTeacher', timm=teacher, layer_norm_targets=True))
