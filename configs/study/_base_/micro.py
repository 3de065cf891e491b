# What every run of the small study shares: networks and one schedule, so that only the method
# differs. The numbers are ours.
_base_ = '../../_base_/adamw.py'
epochs = 40

swin = dict(  # two stages, 96 wide at the end
    arch=dict(embed_dims=48, depths=[2, 2], num_heads=[2, 4]),
    img_size=32, patch_size=4, window_size=4, out_indices=(1, ))
# MoCo v3's architecture: 4-px tokens, 2 x 2 of them to a mask unit, as the paper's 16-px tokens
# under 32-px units. Its heads are narrower than the Swin's: they work on 64 positions, not on 16.
vit = dict(
    arch=dict(embed_dims=64, num_layers=4, num_heads=4, feedforward_channels=256),
    img_size=32, patch_size=4, out_type='featmap')
optim_wrapper = dict(
    optimizer=dict(lr=2e-3), paramwise_cfg=dict(custom_keys=dict(mask_token=dict(decay_mult=0.0))))
auto_scale_lr = dict(base_batch_size=64)
param_scheduler = [dict(
    **_base_.cosine, warmup=2, start_ratio=1e-3, min_ratio=1e-2, end=epochs)]
train_cfg = dict(max_epochs=epochs)
