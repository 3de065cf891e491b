# Table 1, Swin-T, 300 epochs: 81.9 % on ImageNet after fine-tuning (paper).
_base_ = 'mimco_swin-t.py'
epochs = 300
param_scheduler = [dict(_base_.param_scheduler[0], end=epochs)]
train_cfg = dict(max_epochs=epochs)
