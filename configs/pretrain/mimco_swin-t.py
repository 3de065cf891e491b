# Table 1, Swin-T, 100 epochs: 81.7 % on ImageNet after fine-tuning (paper).
_base_ = [
    '../_base_/models/mimco_swin-t.py',
    '../_base_/datasets/imagenet_mimco.py',
    '../_base_/schedules/mimco_100e.py',
    '../_base_/default_runtime.py',
]
