# Table 1, SimMIM ViT-B/16, 800 epochs: 83.8 % on ImageNet after fine-tuning (paper, SimMIM's own).
_base_ = 'simmim_vit-b.py'

param_scheduler = _base_.param_scheduler
param_scheduler[0].end = 800
train_cfg = dict(max_epochs=800)
