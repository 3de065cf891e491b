# Fine-tuning on ImageNet by iBOT's (BEiT's) recipe, which the paper's section 4.1 names.
_base_ = 'classifier.py'
epochs = 100  # paper 4.1

train_pipeline = [  # iBOT: timm's 'rand-m9-mstd0.5-inc1', erasing of 0.25; colours here are in BGR
    dict(type='LoadRGBImage'),
    dict(type='RandomResizedCrop', scale=224, backend='pillow', interpolation='bicubic'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandAugment', policies='timm_increasing', num_policies=2, total_level=10,
         magnitude_level=9, magnitude_std=0.5,
         hparams=dict(pad_val=[104, 116, 124], interpolation='bicubic')),
    dict(type='RandomErasing', erase_prob=0.25, mode='rand', min_area_ratio=0.02,
         max_area_ratio=1 / 3, fill_color=[103.53, 116.28, 123.675],
         fill_std=[57.375, 57.12, 58.395]),
    dict(type='PackInputs', meta_keys=('img_path', )),
]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=_base_.center_crop))
model = dict(
    type='ImageClassifier', backbone=_base_.from_file,
    head=dict(
        type='LinearClsHead', num_classes=1000,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),  # iBOT
        init_cfg=dict(type='Normal', layer='Linear', std=0.02 * 0.001)),  # iBOT, init_scale 0.001
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.8), dict(type='CutMix', alpha=1.0)]))
no_decay = dict(decay_mult=0.0)
optim_wrapper = dict(
    **_base_.autocast,
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),  # iBOT
    constructor='LearningRateDecayOptimWrapperConstructor',
    paramwise_cfg=dict(
        layer_decay_rate=0.75,  # paper 4.1
        flat_decay_mult=0.0,  # iBOT: biases and norms; the relative position bias decays
        custom_keys={'.cls_token': no_decay, '.pos_embed': no_decay}))
auto_scale_lr = dict(base_batch_size=1024, enable=True)  # ours, for fewer GPUs: iBOT never scales
param_scheduler = [  # iBOT: 20 epochs from 0 (which LinearLR cannot divide by), then cosine to 1e-6
    dict(type='LinearLR', start_factor=1e-8, end=20, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min_ratio=1e-6 / 1e-3, begin=20, end=epochs,
         convert_to_iter_based=True)]  # each layer's rate keeps its share, down to the last step
train_cfg = dict(by_epoch=True, max_epochs=epochs)
