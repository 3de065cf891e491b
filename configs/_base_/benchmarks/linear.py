# Linear probe on ImageNet: the frozen features of the last norm, averaged; only the head learns.
_base_ = ['imagenet_data.py', 'imagenet_runtime.py']

train_pipeline = [  # MoBY, MoCo v3: crop and flip alone
    dict(type='LoadRGBImage'),
    dict(type='RandomResizedCrop', scale=224, backend='pillow', interpolation='bilinear'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackInputs', meta_keys=('img_path', )),
]
test_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ResizeEdge', scale=256, backend='pillow', interpolation='bilinear'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs', meta_keys=('img_path', )),
]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
model = dict(
    type='LinearProbe',
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=1000))
optim_wrapper = dict(type='AutocastOptimWrapper')  # MoBY: apex O1
