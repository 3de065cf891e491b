# SimMIM for ViT-B/16, with the data, masks, network, optimizer and schedule of mimco_vit-b.py. (The
# official ViT-B has relative positions and LayerScale; Table 1's 83.8 % (paper) is of that one.)
_base_ = 'simmim_swin-t.py'
model = dict(backbone=dict(_delete_=True, **_base_.masked_vit_b), neck=dict(encoder_stride=16))
