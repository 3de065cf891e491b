# k-NN accuracy on ImageNet by a ViT-B/16's averaged patch tokens, which MimCo's image loss trains
# (iBOT, DINO: the class token, --pool cls); no figure in the paper.
_base_ = '../../_base_/benchmarks/knn.py'
model = dict(backbone=dict(type='VisionTransformer', **_base_.vit_b, out_type='featmap'))
