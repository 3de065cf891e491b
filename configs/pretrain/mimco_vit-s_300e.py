# Table 1, ViT-S/16, 300 epochs: 82.7 % on ImageNet after fine-tuning (paper).
_base_ = 'mimco_vit-s.py'

param_scheduler = _base_.param_scheduler
param_scheduler[0].end = 300
train_cfg = dict(max_epochs=300)
