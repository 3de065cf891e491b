# MoBY Swin-T, 300 epochs, batch 512: 75.3 % linear on ImageNet (MoBY's README).
_base_ = [
    '../../_base_/models/moby_swin-t.py',
    '../../_base_/datasets/imagenet_moby.py',
    '../../_base_/schedules/moby_300e.py',
    '../../_base_/default_runtime.py',
]
