# Stage 1 of the small study, Swin.
_base_ = '_base_/pretrain.py'
data_preprocessor = dict(views=[_base_.view_1, _base_.view_2])
network = dict(type='SwinTransformer', **_base_.swin, drop_path_rate=0.1)
model = dict(
    type='MoBY',
    backbone=dict(**network, init_cfg=_base_.swin_init),
    neck=_base_.neck, head=dict(**_base_.head, num_queues=2),
    base_momentum=0.95)  # ours: at MoBY's 0.99 the key branch of such short runs lags behind
