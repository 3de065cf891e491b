# Projector, predictor, queue and loss of the small study, for features 96 wide; widths are ours.
neck = dict(type='MimCoNeck', in_channels=96, hid_channels=512, out_channels=128)
head = dict(
    type='QueueContrastiveHead',
    predictor=dict(type='MimCoNeck', in_channels=128, hid_channels=512, out_channels=128),
    loss=dict(type='InfoNCELoss', temperature=0.2),
    feat_dim=128,
    queue_len=1024)
