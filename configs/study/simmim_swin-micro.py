# The baseline of the small study: SimMIM, mmpretrain's, with the same student, masks and schedule.
_base_ = '_base_/pretrain.py'
data_preprocessor = dict(views=[_base_.light_view], mask=_base_.mask, send_samples=True)
model = dict(
    type='SimMIM',
    backbone=dict(type='MaskedSwinTransformer', **_base_.swin, drop_path_rate=0.0),
    neck=dict(type='SimMIMLinearDecoder', in_channels=96, encoder_stride=8),
    head=_base_.pixel_head)
