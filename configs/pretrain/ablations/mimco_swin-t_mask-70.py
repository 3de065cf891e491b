# Table 5, mask ratio 70 %: 81.54 % (paper). 35 of 49 units.
_base_ = '../mimco_swin-t.py'

train_pipeline = [
    *_base_.augmentation,
    dict(type='MaskGenerator', input_size=224, mask_patch_size=32, mask_ratio=0.7),
    _base_.pack,
]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
