# Table 1, Swin-B, 300 epochs: 84.3 % on ImageNet after fine-tuning (paper).
_base_ = 'mimco_swin-b.py'

param_scheduler = _base_.param_scheduler
param_scheduler[0].end = 300
train_cfg = dict(max_epochs=300)
