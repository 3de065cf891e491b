# Linear probe on ImageNet: the frozen features of the last norm, averaged; only the head learns.
_base_ = 'classifier.py'

pillow = dict(backend='pillow', interpolation='bilinear')
train_pipeline = [  # MoBY, MoCo v3: crop and flip alone
    dict(type='LoadRGBImage'),
    dict(type='RandomResizedCrop', scale=224, **pillow),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackInputs', meta_keys=('img_path', )),
]
test_pipeline = _base_.center_crop
test_pipeline[1].update(pillow)
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
model = dict(
    type='LinearProbe', backbone=_base_.from_file,
    neck=dict(type='GlobalAveragePooling'), head=dict(type='LinearClsHead', num_classes=1000))
optim_wrapper = _base_.autocast
