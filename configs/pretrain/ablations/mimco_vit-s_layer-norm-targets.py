# Not the paper's: the teacher's features normalised without weights (Feature Distillation).
_base_ = '../mimco_vit-s.py'
model = dict(target_generator=dict(layer_norm_targets=True))
