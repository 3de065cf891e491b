# Table 1, SimMIM Swin-T, 800 epochs: 80.9 % on ImageNet after fine-tuning (paper; SimMIM's code).
_base_ = 'simmim_swin-t.py'
epochs = 800
param_scheduler = [dict(_base_.param_scheduler[0], end=epochs)]
train_cfg = dict(max_epochs=epochs)
