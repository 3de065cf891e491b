# MoBY Swin-T by MoBY's own recipe, 300 epochs, batch 512: 75.3 % linear on ImageNet (its README).
_base_ = ['../../_base_/pretrain.py', '../../_base_/adamw.py', '../../_base_/moby_views.py']
data = 'data/imagenet'
batch_size = 64  # 512, over 8 GPUs
epochs = 300

model = dict(
    type='MoBY',
    backbone=dict(
        type='SwinTransformer', **_base_.swin_t, drop_path_rate=0.2, init_cfg=_base_.swin_init),
    neck=_base_.neck, head=dict(**_base_.head, num_queues=2),
    key_drop_path_rate=0.0, base_momentum=0.99)
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='MultiView', num_views=[1, 1], transforms=[_base_.view_1, _base_.view_2]),
    dict(type='PackPlanes', meta_keys=('img_path', )),
]
data_preprocessor = dict(type='MimCoDataPreprocessor')
train_dataloader = dict(
    batch_size=batch_size, dataset=dict(dataset=dict(data_root=data, pipeline=train_pipeline)))
optim_wrapper = dict(**_base_.autocast, **_base_.merged, optimizer=_base_.fused)
param_scheduler = [dict(
    **_base_.cosine, warmup=5, start_ratio=5e-7 / 1e-3, min_ratio=5e-6 / 1e-3, end=epochs)]
train_cfg = dict(max_epochs=epochs)
