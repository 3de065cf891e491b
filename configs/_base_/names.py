# What stands once and is taken by name, as **_base_.NAME. Networks are for 224 px, as the teachers.
rgb = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])  # ImageNet's
center_crop = [  # BEiT, DINO
    dict(type='LoadRGBImage'),
    dict(type='ResizeEdge', scale=256, backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs', meta_keys=('img_path', )),
]
swin_t = dict(arch='tiny', img_size=224)  # window 7; its last features are 768 wide, Swin-B's 1024
swin_init = [
    dict(type='TruncNormal', layer='Linear', std=0.02, bias=0.0),
    dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0),
]
vit_b = dict(arch='base', img_size=224, patch_size=16)  # 768 wide, 12 heads: MoCo v3's too
masked_vit_b = dict(type='MaskedMoCoV3ViT', **vit_b, drop_path_rate=0.1)  # SimMIM ViT-B
# MoCo v3's ViT-S has 12 heads as well, DeiT's 6.
vit_s = dict(embed_dims=384, num_layers=12, num_heads=12, feedforward_channels=1536)
# Its checkpoint is a leaf's `start`, or the command's CHECKPOINT.
from_file = dict(init_cfg=dict(type='PretrainedBackbone', checkpoint=''))
