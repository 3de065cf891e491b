# Table 11, no mask: 81.23 % (paper). Without a mask generator all positions count in the loss.
_base_ = '../mimco_swin-t.py'
mask_ratio = None
train_pipeline = [one for one in _base_.train_pipeline if one.type != 'MaskGenerator']
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
find_unused_parameters = True  # the mask token
