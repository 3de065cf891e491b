# MoBY's two views, and a third by section 3.3's light augmentation, of which SimMIM masks 60 %.
_base_ = 'imagenet_moby.py'

view_3 = [
    dict(
        type='AntialiasedResizedCrop',
        scale=224,
        crop_ratio_range=(0.67, 1.0),  # paper 3.3
        aspect_ratio_range=(3 / 4, 4 / 3),  # paper 3.3
        interpolation='bilinear'),
    dict(type='RandomHorizontalFlip', prob=0.5),
]
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(
        type='MultiView',
        num_views=[1, 1, 1],
        transforms=[_base_.view_1, _base_.view_2, view_3]),
    dict(type='MaskGenerator', input_size=224, mask_patch_size=32, mask_ratio=0.6),  # paper 3.3
    dict(type='PackPlanes', meta_keys=('img_path', )),
]
data_preprocessor = dict(type='MimCoDataPreprocessor')
train_dataloader = dict(
    batch_size=256,  # 2048 over 8 GPUs, as MimCo
    dataset=dict(dataset=dict(pipeline=train_pipeline)))
