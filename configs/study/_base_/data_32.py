# Small images in class folders, root/train/CLASS and root/test/CLASS: CIFAR-10, for one. They are
# read once; the preprocessor makes the views of a batch at once, on the device that trains.
_base_ = '../../_base_/datasets/imagenet.py'

# Section 3.3's light augmentation at 32 px; mask units of 8 px, 10 of 16 masked.
light_view = [
    dict(type='BatchedResizedCrop', scale=32, crop_ratio_range=(0.67, 1.0)),
    dict(type='BatchedFlip', prob=0.5),
]
mask = dict(input_size=32, mask_patch_size=8, mask_ratio=0.6)
# MoBY's views at 32 px, without blur, which leaves little of such an image (SimCLR, on CIFAR-10).
moby_view_1 = [
    dict(type='BatchedResizedCrop', scale=32, crop_ratio_range=(0.2, 1.0)),
    dict(type='BatchedFlip', prob=0.5),
    dict(
        type='BatchedColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.2,
        hue=0.1,
        prob=0.8),
    dict(type='BatchedGrayscale', prob=0.2),
]
moby_view_2 = [*moby_view_1, dict(type='BatchedSolarize', thr=128, prob=0.2)]
data_preprocessor = dict(type='ViewDataPreprocessor')
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='ImagesInMemory',
        dataset=dict(
            data_root='data/cifar10',
            data_prefix='train',
            pipeline=[
                dict(type='LoadRGBImage'),
                dict(type='PackInputs', meta_keys=('img_path', )),
            ])))
