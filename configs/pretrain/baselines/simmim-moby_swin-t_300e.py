# Table 10, SimMIM + MoBY, 300 epochs: 81.29 % on ImageNet after fine-tuning (paper).
_base_ = 'simmim-moby_swin-t.py'

param_scheduler = _base_.param_scheduler
param_scheduler[0].end = 300
train_cfg = dict(max_epochs=300)
