# Table 1, ViT-S/16, 300 epochs: 82.7 % on ImageNet after fine-tuning (paper).
_base_ = 'mimco_vit-s.py'
epochs = 300
param_scheduler = [dict(_base_.param_scheduler[0], end=epochs)]
train_cfg = dict(max_epochs=epochs)
