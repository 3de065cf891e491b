# Swin-T taught by EUPE's ViT-S/16, of another width and grid.
_base_ = '../mimco_swin-t.py'
teacher = 'vit_small_patch16_dinov3_qkvb.eupe_lvd1689m'
model = dict(target_generator=dict(
    _delete_=True, type='FrozenTeacher', timm=teacher, layer_norm_targets=True))
