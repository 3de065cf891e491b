# MoBY's two asymmetric views: blur always in the first, blur rarely and solarize in the second.
_base_ = 'imagenet.py'

crop_flip_color = [
    dict(
        type='AntialiasedResizedCrop',
        scale=224,
        crop_ratio_range=(0.08, 1.0),
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
        channel_weights=(0.114, 0.587, 0.2989)),  # of B, G, R
]
blur = dict(type='GaussianBlur', magnitude_range=(0.1, 2.0), magnitude_std='inf')
view_1 = [*crop_flip_color, dict(**blur, prob=1.0)]
view_2 = [*crop_flip_color, dict(**blur, prob=0.1), dict(type='Solarize', thr=128, prob=0.2)]
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='MultiView', num_views=[1, 1], transforms=[view_1, view_2]),
    dict(type='PackPlanes', meta_keys=('img_path', )),
]
data_preprocessor = dict(type='MimCoDataPreprocessor')
train_dataloader = dict(
    batch_size=64,  # MoBY: 512, over 8 GPUs
    dataset=dict(dataset=dict(pipeline=train_pipeline)))
