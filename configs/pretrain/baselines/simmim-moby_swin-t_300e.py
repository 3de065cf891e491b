# Table 10, SimMIM + MoBY, 300 epochs: 81.29 % on ImageNet after fine-tuning (paper).
_base_ = 'simmim-moby_swin-t.py'
epochs = 300
param_scheduler = [dict(_base_.param_scheduler[0], end=epochs)]
train_cfg = dict(max_epochs=epochs)
