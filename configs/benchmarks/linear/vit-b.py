# Linear probe of a ViT-B/16 as MoCo v3 does it: 76.7 % for its class token; none in the paper.
# Patch tokens are averaged, as MimCo's image loss does; MoCo v3's way:
# `model.backbone.out_type=cls_token model.neck=None`.
_base_ = '../../_base_/benchmarks/linear.py'
work_dir = 'work_dirs/linear_vit-b'
start = 'work_dirs/mimco_vit-b/backbone_epoch_100.pth'
epochs = 90  # MoCo v3
network = dict(type='VisionTransformer', **_base_.vit_b, out_type='featmap')
model = dict(
    backbone=dict(**network, init_cfg=dict(checkpoint=start)),
    head=dict(in_channels=768))  # Normal, std 0.01: LinearClsHead's own, and MoCo v3's
# MoCo v3: --lr=3 for a batch of 256, which is 1024 over 8 GPUs, and no warm-up
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=3.0 * 1024 / 256, momentum=0.9, weight_decay=0.0))
auto_scale_lr = dict(base_batch_size=1024, enable=True)
param_scheduler = [dict(type='CosineAnnealingLR', T_max=epochs, by_epoch=True)]  # MoCo v3
train_cfg = dict(by_epoch=True, max_epochs=epochs)
