# The small study's run without masks (Table 11), ViT.
_base_ = 'mimco_vit-micro.py'
data_preprocessor = dict(mask=None)
find_unused_parameters = True  # the mask token
