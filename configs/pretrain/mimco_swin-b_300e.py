# Table 1, Swin-B, 300 epochs: 84.3 % on ImageNet after fine-tuning (paper).
_base_ = 'mimco_swin-b.py'
epochs = 300
param_scheduler = [dict(_base_.param_scheduler[0], end=epochs)]
train_cfg = dict(max_epochs=epochs)
