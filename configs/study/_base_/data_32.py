# Small images in class folders, root/train/CLASS and root/test/CLASS: CIFAR-10, for one.
_base_ = '../../_base_/datasets/imagenet.py'

train_dataloader = dict(
    batch_size=64,
    num_workers=2,
    dataset=dict(dataset=dict(data_root='data/cifar10', data_prefix='train')))
