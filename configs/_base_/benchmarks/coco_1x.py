# Mask R-CNN on COCO, 12 epochs: mmdet's parts, with the augmentation and schedule of Swin's
# detection code (SOD), from which the baselines of the paper's Table 2 come.
# Batch 16: 8 GPUs x 2 images. SOD trains in float16 (apex): --amp fp16. mmcv's RoIAlign knows no
# bfloat16.
_base_ = 'mmdet::swin/mask-rcnn_swin-t-p4-w7_fpn_ms-crop-3x_coco.py'  # flip; scales 480-800, crop
max_epochs = 12
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),  # SOD
    dict(type='MultiStepLR', begin=0, end=max_epochs, by_epoch=True, milestones=[8, 11], gamma=0.1),
]
