# The small study's run without masks (Table 11), ViT.
_base_ = 'mimco_vit-micro.py'

train_pipeline = [*_base_.augmentation, _base_.pack]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
find_unused_parameters = True  # the mask token
