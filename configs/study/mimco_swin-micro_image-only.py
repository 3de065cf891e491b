# The small study's L_image alone (Table 8), Swin.
_base_ = 'mimco_swin-micro.py'
model = dict(patch_neck=None, patch_head=None)
