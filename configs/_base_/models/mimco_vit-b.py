# ViT-B/16 at 224 px, of MoCo v3's architecture (12 heads, fixed sin-cos positions), taught by it.
_base_ = 'mimco_heads.py'

model = dict(
    backbone=dict(
        type='MaskedMoCoV3ViT',
        arch='base',
        img_size=224,
        patch_size=16,
        drop_path_rate=0.1),  # SimMIM ViT-B
    target_generator=dict(
        type='FrozenTeacher',
        backbone=dict(
            type='MoCoV3ViT', arch='base', img_size=224, patch_size=16, out_type='featmap'),
        # MoCo v3's release
        checkpoint='https://dl.fbaipublicfiles.com/moco-v3/vit-b-300ep/vit-b-300ep.pth.tar'))
