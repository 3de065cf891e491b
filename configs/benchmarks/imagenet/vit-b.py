# Table 1, ViT-B/16 fine-tuned for 100 epochs: 83.7 % (paper; 83.9 % from mimco_vit-b_300e).
# A plain ViT: fine-tuning trains the positions, which MoCo v3's class would fix (iBOT).
_base_ = '../../_base_/benchmarks/finetune.py'
work_dir = 'work_dirs/imagenet_vit-b'
start = 'work_dirs/mimco_vit-b/backbone_epoch_100.pth'
model = dict(
    backbone=dict(
        type='VisionTransformer', **_base_.vit_b, init_cfg=dict(checkpoint=start, fresh=['ln2.']),
        drop_path_rate=0.1,  # paper 4.1
        final_norm=False,  # BEiT: the mean of patch tokens comes before the norm,
        out_type='avg_featmap'),  # which is a new one: `ln2`
    head=dict(in_channels=768))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.65))  # paper 4.1
