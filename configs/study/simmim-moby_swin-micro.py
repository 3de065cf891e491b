# Table 10's multi-task baseline of the small study: MoBY and SimMIM on one Swin.
_base_ = 'moby_swin-micro.py'
views = [_base_.view_1, _base_.view_2, _base_.light_view]
data_preprocessor = dict(views=views, mask=_base_.mask)
model = dict(
    type='SimMIMMoBY',
    backbone=dict(type='MaskedSwinTransformer', init_cfg=None),
    decoder=dict(type='SimMIMLinearDecoder', in_channels=96, encoder_stride=8),
    pixel_head=_base_.pixel_head)
