# ViT-B/16 taught by the image tower of SigLIP 2's ViT-B/16.
_base_ = '../mimco_vit-b.py'
teacher = 'vit_base_patch16_siglip_224.v2_webli'
model = dict(target_generator=dict(
    _delete_=True, type='FrozenTeacher', timm=teacher, layer_norm_targets=True))
