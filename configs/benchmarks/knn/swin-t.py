# k-NN accuracy on ImageNet by the averaged features of a Swin-T; no figure in the paper.
_base_ = '../../_base_/benchmarks/knn.py'
model = dict(backbone=dict(type='SwinTransformer', **_base_.swin_t))
