# Table 1, SimMIM Swin-T, 800 epochs: 80.9 % on ImageNet after fine-tuning (paper; SimMIM's code).
_base_ = 'simmim_swin-t.py'

param_scheduler = _base_.param_scheduler
param_scheduler[0].end = 800
train_cfg = dict(max_epochs=800)
