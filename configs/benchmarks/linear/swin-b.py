# Linear probe of a Swin-B, as that of a Swin-T.
_base_ = 'swin-t.py'
work_dir = 'work_dirs/linear_swin-b'
start = 'work_dirs/mimco_swin-b/backbone_epoch_100.pth'
model = dict(
    backbone=dict(arch='base', init_cfg=dict(checkpoint=start)), head=dict(in_channels=1024))
