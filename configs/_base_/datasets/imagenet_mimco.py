# Section 3.3's light augmentation, and SimMIM's masks.
_base_ = 'imagenet.py'

augmentation = [
    dict(type='LoadCodedImage'),
    dict(
        type='CodedResizedCrop',
        scale=224,
        crop_ratio_range=(0.67, 1.0),  # paper 3.3
        aspect_ratio_range=(3 / 4, 4 / 3),  # paper 3.3
        interpolation='bilinear'),  # torchvision's default, which SimMIM keeps
    dict(type='CodedFlip', prob=0.5),
]
pack = dict(type='PackCodedInputs', meta_keys=('img_path', ))
train_pipeline = [
    *augmentation,
    dict(type='MaskGenerator', input_size=224, mask_patch_size=32, mask_ratio=0.6),  # paper 3.3
    pack,
]
data_preprocessor = dict(type='DecodingDataPreprocessor')
train_dataloader = dict(
    batch_size=256,  # paper 3.3: 2048, over 8 GPUs
    collate_fn=dict(type='collate_decoded'),  # collate_coded: decoded on the GPU (docs/data.md)
    dataset=dict(dataset=dict(pipeline=train_pipeline)))
