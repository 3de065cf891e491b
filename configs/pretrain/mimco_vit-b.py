# Table 1, ViT-B/16, 100 epochs: 83.7 % on ImageNet after fine-tuning (paper).
_base_ = [
    '../_base_/models/mimco_vit-b.py',
    '../_base_/datasets/imagenet_mimco.py',
    '../_base_/schedules/mimco_100e.py',
    '../_base_/default_runtime.py',
]
