# Table 10's multi-task baseline of the small study: MoBY and SimMIM on one Swin.
_base_ = [
    '_base_/data_simmim-moby_32.py', '_base_/moby_swin-micro.py', '_base_/schedule.py',
    '../_base_/default_runtime.py'
]

model = dict(
    type='SimMIMMoBY',
    backbone=dict(type='MaskedSwinTransformer', init_cfg=None),
    decoder=dict(type='SimMIMLinearDecoder', in_channels=96, encoder_stride=8),
    pixel_head=dict(
        type='SimMIMHead',
        patch_size=8,  # px of a mask unit
        loss=dict(type='PixelReconstructionLoss', criterion='L1', channel=3)))
