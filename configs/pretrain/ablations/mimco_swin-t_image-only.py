# Table 8, L_image alone: 81.59 % (paper).
_base_ = '../mimco_swin-t.py'
model = dict(patch_neck=None, patch_head=None)
