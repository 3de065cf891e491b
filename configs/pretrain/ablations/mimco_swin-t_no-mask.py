# Table 11, no mask: 81.23 % (paper). Without a mask generator all positions count in the loss.
_base_ = '../mimco_swin-t.py'

train_pipeline = [*_base_.augmentation, _base_.pack]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
find_unused_parameters = True  # the mask token
