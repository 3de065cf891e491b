# Table 1, ViT-B/16, 300 epochs: 83.9 % on ImageNet after fine-tuning (paper).
_base_ = 'mimco_vit-b.py'
epochs = 300
param_scheduler = [dict(_base_.param_scheduler[0], end=epochs)]
train_cfg = dict(max_epochs=epochs)
