# Labelled images of 32 px, root/train/CLASS and root/test/CLASS, ten classes of them.
_base_ = '../../_base_/benchmarks/imagenet_data.py'

pack = dict(type='PackInputs', meta_keys=('img_path', ))
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='RandomCrop', crop_size=32, padding=4),  # the custom for CIFAR-10
    dict(type='RandomFlip', prob=0.5),
    pack,
]
data_preprocessor = dict(num_classes=10)
loader = dict(batch_size=64, num_workers=2)
train_dataloader = dict(
    **loader,
    dataset=dict(dataset=dict(data_root='data/cifar10', pipeline=train_pipeline)))
val_dataloader = dict(
    **loader,
    dataset=dict(
        data_root='data/cifar10', data_prefix='test', pipeline=[train_pipeline[0], pack]))
test_dataloader = val_dataloader
val_evaluator = dict(topk=(1, ))
test_evaluator = val_evaluator
model = dict(
    type='ImageClassifier',
    head=dict(type='LinearClsHead', num_classes=10, loss=dict(type='CrossEntropyLoss')))
