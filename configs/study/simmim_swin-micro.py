# The baseline of the small study: SimMIM, mmpretrain's, with the same student, masks and schedule.
_base_ = ['_base_/data_mimco_32.py', '_base_/schedule.py', '../_base_/default_runtime.py']

data_preprocessor = dict(send_samples=True)
model = dict(
    type='SimMIM',
    backbone=dict(
        type='MaskedSwinTransformer',
        arch=dict(embed_dims=48, depths=[2, 2], num_heads=[2, 4]),
        img_size=32,
        patch_size=4,
        window_size=4,
        out_indices=(1, ),
        drop_path_rate=0.0),
    neck=dict(type='SimMIMLinearDecoder', in_channels=96, encoder_stride=8),
    head=dict(
        type='SimMIMHead',
        patch_size=8,  # px of a mask unit
        loss=dict(type='PixelReconstructionLoss', criterion='L1', channel=3)))
