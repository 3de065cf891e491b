# Linear probe of a Swin-T as MoBY does it: 75.3 % for the MoBY teacher (its README); none in the
# paper. MoBY leaves drop path (0.2) on in the frozen backbone; here it is off.
_base_ = '../../_base_/benchmarks/linear.py'
work_dir = 'work_dirs/linear_swin-t'
start = 'work_dirs/mimco_swin-t/backbone_epoch_100.pth'
batch_size = 64  # MoBY: 512, over 8 GPUs
epochs = 100  # MoBY

model = dict(
    backbone=dict(type='SwinTransformer', **_base_.swin_t, init_cfg=dict(checkpoint=start)),
    head=dict(
        in_channels=768,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),  # MoBY
        init_cfg=dict(type='TruncNormal', layer='Linear', std=0.02)))  # MoBY
train_dataloader = dict(batch_size=batch_size)
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=1.0, momentum=0.9, nesterov=True, weight_decay=0.0),  # MoBY
    clip_grad=dict(max_norm=5.0))  # MoBY
auto_scale_lr = dict(base_batch_size=512, enable=True)  # MoBY
param_scheduler = [  # MoBY: 5 epochs from 5e-7, then the cosine to 5e-6, for a peak of 1
    dict(type='WarmupCosineLR', warmup=5, start_ratio=5e-7, min_ratio=5e-6, end=epochs,
         convert_to_iter_based=True)]
train_cfg = dict(by_epoch=True, max_epochs=epochs)
