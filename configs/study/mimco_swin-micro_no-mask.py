# The small study's run without masks (Table 11), Swin.
_base_ = 'mimco_swin-micro.py'
data_preprocessor = dict(mask=None)
find_unused_parameters = True  # the mask token
