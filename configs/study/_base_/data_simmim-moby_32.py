# MoBY's two views, and a third as MimCo's, with its masks.
_base_ = 'data_moby_32.py'

view_3 = [
    dict(
        type='RandomResizedCrop',
        scale=32,
        crop_ratio_range=(0.67, 1.0),
        backend='pillow',
        interpolation='bilinear'),
    dict(type='RandomFlip', prob=0.5),
]
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(
        type='MultiView',
        num_views=[1, 1, 1],
        transforms=[_base_.view_1, _base_.view_2, view_3]),
    dict(type='MaskGenerator', input_size=32, mask_patch_size=8, mask_ratio=0.6),
    dict(type='PackInputs', meta_keys=('img_path', )),
]
data_preprocessor = dict(type='MimCoDataPreprocessor')
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
