# Stage 1 of the small study, ViT. The paper's ViTs have MoCo v3 for a teacher, whose negatives are
# the batch; at this study's batch MoBY's queue serves better, and both networks have one method.
_base_ = 'moby_swin-micro.py'
model = dict(
    backbone=dict(_delete_=True, type='MoCoV3ViT', **_base_.vit, drop_path_rate=0.1),
    neck=_base_.vit_neck, head=_base_.vit_head)
