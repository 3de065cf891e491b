# Table 1, ViT-B/16, 100 epochs: 83.7 % on ImageNet after fine-tuning (paper).
# Student and teacher have MoCo v3's architecture: 12 heads, fixed sin-cos positions.
_base_ = 'mimco_swin-t.py'
teacher = 'https://dl.fbaipublicfiles.com/moco-v3/vit-b-300ep/vit-b-300ep.pth.tar'  # its release
model = dict(
    backbone=dict(_delete_=True, **_base_.masked_vit_b),
    target_generator=dict(
        backbone=dict(_delete_=True, type='MoCoV3ViT', **_base_.vit_b, out_type='featmap'),
        checkpoint=teacher))
