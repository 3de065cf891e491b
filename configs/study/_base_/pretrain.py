# Small images in class folders, root/train/CLASS and root/test/CLASS: CIFAR-10, for one. They are
# read once; the preprocessor makes the views of a batch at once, on the device that trains.
_base_ = ['micro.py', '../../_base_/pretrain.py', '../../_base_/moby_views.py']
data = 'data/cifar10'
batch_size = 64
crop = (0.67, 1.0)  # paper 3.3

mask = dict(input_size=32, mask_patch_size=8, mask_ratio=0.6)  # 10 of 16 units
flip = dict(type='BatchedFlip', prob=0.5)
light_view = [dict(type='BatchedResizedCrop', scale=32, crop_ratio_range=crop), flip]
# MoBY's, without blur, which leaves little of such an image (SimCLR, on CIFAR-10)
view_1 = [
    dict(type='BatchedResizedCrop', scale=32, crop_ratio_range=(0.2, 1.0)),
    flip,
    dict(type='BatchedColorJitter', **_base_.jitter, prob=0.8),
    dict(type='BatchedGrayscale', prob=0.2),
]
view_2 = [*view_1, dict(type='BatchedSolarize', **_base_.solarize)]
pipeline = [dict(type='LoadRGBImage'), dict(type='PackInputs', meta_keys=('img_path', ))]
data_preprocessor = dict(type='ViewDataPreprocessor')
train_dataloader = dict(
    **_base_.in_memory, batch_size=batch_size,
    dataset=dict(type='ImagesInMemory', dataset=dict(data_root=data, pipeline=pipeline)))
optim_wrapper = dict(**_base_.autocast, **_base_.merged, optimizer=_base_.fused)
# The heads: widths are ours, 96 and 64 are those of the features.
neck = dict(in_channels=96, hid_channels=512, out_channels=128)
head = dict(predictor=dict(neck, in_channels=128), feat_dim=128, queue_len=1024)
pixel_head = dict(patch_size=8)
vit_neck = dict(in_channels=64, hid_channels=256, out_channels=64)
vit_head = dict(predictor=vit_neck, feat_dim=64)
