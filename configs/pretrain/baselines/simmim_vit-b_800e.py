# Table 1, SimMIM ViT-B/16, 800 epochs: 83.8 % on ImageNet after fine-tuning (paper, SimMIM's own).
_base_ = 'simmim_vit-b.py'
epochs = 800
param_scheduler = [dict(_base_.param_scheduler[0], end=epochs)]
train_cfg = dict(max_epochs=epochs)
