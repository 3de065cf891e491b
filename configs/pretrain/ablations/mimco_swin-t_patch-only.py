# Table 8, L_patch alone: 81.55 % (paper); Table 7's "contrastive loss".
_base_ = '../mimco_swin-t.py'
model = dict(image_neck=None, image_head=None)
