# Table 1, Swin-T fine-tuned for 100 epochs: 81.7 % (paper; Table 6 has the sweep).
_base_ = '../../_base_/benchmarks/finetune.py'
work_dir = 'work_dirs/imagenet_swin-t'
start = 'work_dirs/mimco_swin-t/backbone_epoch_100.pth'
model = dict(
    backbone=dict(
        type='SwinTransformer', **_base_.swin_t, init_cfg=dict(checkpoint=start),
        drop_path_rate=0.1),  # paper 4.1
    neck=dict(type='GlobalAveragePooling'),  # of the final norm's output
    head=dict(in_channels=768))
