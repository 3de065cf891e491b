# Projector, predictor, queue and loss of a contrastive level, for features 768 wide; the head of
# pixels. Widths and norms are MoBY's; queue and temperature are the paper's (section 3.2).
neck = dict(type='MimCoNeck', in_channels=768, hid_channels=4096, out_channels=256)
head = dict(
    type='QueueContrastiveHead', feat_dim=256, queue_len=4096,
    predictor=dict(type='MimCoNeck', in_channels=256, hid_channels=4096, out_channels=256),
    loss=dict(type='InfoNCELoss', temperature=0.2))
pixel_head = dict(
    type='SimMIMHead', patch_size=32,  # px of a mask unit
    loss=dict(type='PixelReconstructionLoss', criterion='L1', channel=3))
