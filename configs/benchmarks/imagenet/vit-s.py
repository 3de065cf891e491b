# Table 1, ViT-S/16 fine-tuned for 300 epochs: 82.5 % (paper).
_base_ = 'vit-b.py'

work_dir = 'work_dirs/imagenet_vit-s'
model = dict(
    backbone=dict(
        # MoCo v3's ViT-S, with 12 heads
        arch=dict(
            _delete_=True, embed_dims=384, num_layers=12, num_heads=12, feedforward_channels=1536),
        init_cfg=dict(checkpoint='work_dirs/mimco_vit-s/backbone_epoch_100.pth')),
    head=dict(in_channels=384))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))  # paper 4.1
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], end=300)]
train_cfg = dict(max_epochs=300)  # paper 4.1
