# Table 5, mask ratio 70 %: 81.54 % (paper). 35 of 49 units.
_base_ = '../mimco_swin-t.py'
mask_ratio = 0.7
train_pipeline = _base_.train_pipeline
train_pipeline[3].mask_ratio = mask_ratio
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
