# Labelled images of 32 px, root/train/CLASS and root/test/CLASS, ten classes of them.
_base_ = '../../_base_/benchmarks/imagenet_data.py'

pipeline = [dict(type='LoadRGBImage'), dict(type='PackInputs', meta_keys=('img_path', ))]
data_preprocessor = dict(
    type='ViewClsDataPreprocessor',
    num_classes=10,
    views=[[
        dict(type='BatchedCrop', padding=4),  # the custom for CIFAR-10
        dict(type='BatchedFlip', prob=0.5),
    ]])
loader = dict(batch_size=64, num_workers=0, persistent_workers=False)
train_dataloader = dict(
    **loader,
    dataset=dict(
        type='ImagesInMemory', dataset=dict(data_root='data/cifar10', pipeline=pipeline)))
val_dataloader = dict(
    **loader,
    dataset=dict(
        data_root='data/cifar10', data_prefix='test', pipeline=pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(topk=(1, ))
test_evaluator = val_evaluator
model = dict(
    type='ImageClassifier',
    head=dict(type='LinearClsHead', num_classes=10, loss=dict(type='CrossEntropyLoss')))
