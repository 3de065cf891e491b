# Table 1, ViT-S/16 fine-tuned for 300 epochs: 82.5 % (paper).
_base_ = 'vit-b.py'
work_dir = 'work_dirs/imagenet_vit-s'
start = 'work_dirs/mimco_vit-s/backbone_epoch_100.pth'
epochs = 300  # paper 4.1
model = dict(
    backbone=dict(arch=dict(_delete_=True, **_base_.vit_s), init_cfg=dict(checkpoint=start)),
    head=dict(in_channels=384))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))  # paper 4.1
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], end=epochs)]
train_cfg = dict(max_epochs=epochs)
