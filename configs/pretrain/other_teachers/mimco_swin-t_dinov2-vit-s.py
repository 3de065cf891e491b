# Swin-T taught by DINOv2's ViT-S/14, of another width and patch grid: the adapter maps 768 channels
# to 384; at 196 px the teacher has 14 x 14 patches, four to each of the student's 7 x 7.
_base_ = '../mimco_swin-t.py'
teacher = 'https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth'
network = dict(type='VisionTransformer', arch='dinov2-small', img_size=196, patch_size=14,
               layer_scale_init_value=1e-5, out_type='featmap')
model = dict(
    target_generator=dict(
        backbone=dict(_delete_=True, **network), checkpoint=teacher, input_size=196,
        sha256='b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9',
        layer_norm_targets=True),  # as MaskDistill, of strong teachers
    adapter=dict(type='ChannelAdapter', in_channels=768, out_channels=384),
    patch_neck=dict(in_channels=384), image_neck=dict(in_channels=384))
