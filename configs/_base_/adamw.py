# AdamW as SimMIM and MoBY have it, and a cosine per iteration after a warm-up. Biases and norms do
# not decay; the relative position bias does.
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05),  # paper 3.3
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(flat_decay_mult=0.0))
auto_scale_lr = dict(base_batch_size=512, enable=True)
cosine = dict(type='WarmupCosineLR', by_epoch=True, convert_to_iter_based=True)
train_cfg = dict(by_epoch=True)
