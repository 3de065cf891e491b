# Fine-tuning of the small study, Swin: ten classes of labelled images, root/{train,test}/CLASS. One
# recipe for every start, so without layer decay, which is not for a start without pre-training.
_base_ = ['../_base_/benchmarks/classifier.py', '_base_/micro.py']
data = 'data/cifar10'
batch_size = 64

pipeline = [dict(type='LoadRGBImage'), dict(type='PackInputs', meta_keys=('img_path', ))]
images = dict(data_root=data, pipeline=pipeline)
loader = dict(batch_size=batch_size, **_base_.in_memory)
train_dataloader = dict(**loader, dataset=dict(type='ImagesInMemory', dataset=images))
val_dataloader = test_dataloader = dict(**loader, dataset=dict(**images, data_prefix='test'))
val_evaluator = test_evaluator = dict(topk=(1, ))
crop_flip = [dict(type='BatchedCrop', padding=4), dict(type='BatchedFlip', prob=0.5)]
data_preprocessor = dict(  # the custom for CIFAR-10
    type='ViewClsDataPreprocessor', num_classes=10, views=[crop_flip])
network = dict(type='SwinTransformer', **_base_.swin, drop_path_rate=0.1)
model = dict(
    type='ImageClassifier',
    backbone=dict(**network, init_cfg=_base_.swin_init),  # of a start without pre-training
    neck=dict(type='GlobalAveragePooling'),  # of the final norm's output
    head=dict(
        type='LinearClsHead', num_classes=10, in_channels=96, loss=dict(type='CrossEntropyLoss')))
optim_wrapper = dict(**_base_.autocast, **_base_.merged, optimizer=dict(lr=1e-3, **_base_.fused))
default_hooks = dict(checkpoint=dict(save_best=None))
