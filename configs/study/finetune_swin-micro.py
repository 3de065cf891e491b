# Fine-tuning of the small study, Swin: one recipe for every start, so without layer decay, which is
# not for a start without pre-training.
_base_ = ['_base_/finetune.py', '_base_/schedule.py', '../_base_/benchmarks/imagenet_runtime.py']

model = dict(
    backbone=dict(
        type='SwinTransformer',
        arch=dict(embed_dims=48, depths=[2, 2], num_heads=[2, 4]),
        img_size=32,
        patch_size=4,
        window_size=4,
        out_indices=(1, ),
        drop_path_rate=0.1,
        init_cfg=[  # of a start without pre-training
            dict(type='TruncNormal', layer='Linear', std=0.02, bias=0.0),
            dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0),
        ]),
    neck=dict(type='GlobalAveragePooling'),  # of the final norm's output
    head=dict(in_channels=96))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
default_hooks = dict(checkpoint=dict(save_best=None))
