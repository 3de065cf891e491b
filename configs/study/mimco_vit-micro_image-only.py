# The small study's L_image alone (Table 8), ViT.
_base_ = 'mimco_vit-micro.py'
model = dict(patch_neck=None, patch_head=None)
