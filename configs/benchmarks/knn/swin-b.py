# k-NN accuracy on ImageNet by the averaged features of a Swin-B; no figure in the paper.
_base_ = 'swin-t.py'
model = dict(backbone=dict(arch='base'))
