# SimMIM for Swin-T, with the data, masks, network, optimizer and schedule of mimco_swin-t.py: only
# the method differs. Table 1's 80.9 % (paper) is of 800 epochs by SimMIM's own recipe.
_base_ = '../mimco_swin-t.py'
teacher = None
data_preprocessor = dict(send_samples=True)  # mmpretrain's SimMIM wants masks sent
model = dict(
    _delete_=True, type='SimMIM', backbone=_base_.model.backbone,
    neck=dict(type='SimMIMLinearDecoder', in_channels=768, encoder_stride=32),
    head=_base_.pixel_head)
