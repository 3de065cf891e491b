# The small study's L_patch alone (Table 8; Table 7's "contrastive loss"), Swin.
_base_ = 'mimco_swin-micro.py'
model = dict(image_neck=None, image_head=None)
