# k-NN accuracy on ImageNet by the averaged features of a Swin-T; no figure in the paper.
_base_ = '../../_base_/benchmarks/knn.py'

model = dict(
    backbone=dict(
        type='SwinTransformer',
        arch='tiny',
        img_size=224,
        init_cfg=dict(type='PretrainedBackbone', checkpoint='')))  # the command's CHECKPOINT
