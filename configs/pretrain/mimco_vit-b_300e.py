# Table 1, ViT-B/16, 300 epochs: 83.9 % on ImageNet after fine-tuning (paper).
_base_ = 'mimco_vit-b.py'

param_scheduler = _base_.param_scheduler
param_scheduler[0].end = 300
train_cfg = dict(max_epochs=300)
