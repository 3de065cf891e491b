# Section 3.3's light augmentation at 32 px; mask units of 8 px, 10 of 16 masked.
_base_ = 'data_32.py'

augmentation = [
    dict(type='LoadRGBImage'),
    dict(
        type='RandomResizedCrop',
        scale=32,
        crop_ratio_range=(0.67, 1.0),
        backend='pillow',
        interpolation='bilinear'),
    dict(type='RandomFlip', prob=0.5),
]
pack = dict(type='PackInputs', meta_keys=('img_path', ))
train_pipeline = [
    *augmentation,
    dict(type='MaskGenerator', input_size=32, mask_patch_size=8, mask_ratio=0.6),
    pack,
]
data_preprocessor = dict(type='MimCoDataPreprocessor')
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
