# SimMIM for ViT-B/16, with the data, masks, network, optimizer and schedule of mimco_vit-b.py. (The
# official ViT-B has relative positions and LayerScale; Table 1's 83.8 % (paper) is of that one.)
_base_ = '../mimco_vit-b.py'

data_preprocessor = dict(send_samples=True)  # mmpretrain's SimMIM wants masks sent
model = dict(
    _delete_=True,
    type='SimMIM',
    backbone=_base_.model.backbone,
    neck=dict(type='SimMIMLinearDecoder', in_channels=768, encoder_stride=16),
    head=dict(
        type='SimMIMHead',
        patch_size=32,  # px of a mask unit
        loss=dict(type='PixelReconstructionLoss', criterion='L1', channel=3)))
