# MoBY's views at 32 px, without blur, which leaves little of such an image (SimCLR, on CIFAR-10).
_base_ = 'data_32.py'

view_1 = [
    dict(
        type='RandomResizedCrop',
        scale=32,
        crop_ratio_range=(0.2, 1.0),
        backend='pillow',
        interpolation='bilinear'),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomApply',
        transforms=[
            dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
        ],
        prob=0.8),
    dict(
        type='RandomGrayscale',
        prob=0.2,
        keep_channels=True,
        channel_weights=(0.114, 0.587, 0.2989)),
]
view_2 = [*view_1, dict(type='Solarize', thr=128, prob=0.2)]
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='MultiView', num_views=[1, 1], transforms=[view_1, view_2]),
    dict(type='PackInputs', meta_keys=('img_path', )),
]
data_preprocessor = dict(type='SelfSupDataPreprocessor')
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
