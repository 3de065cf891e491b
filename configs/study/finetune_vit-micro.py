# Fine-tuning of the small study: a ViT on labelled images, by the mean of its patch tokens.
_base_ = 'finetune_swin-micro.py'
model = dict(
    backbone=dict(_delete_=True, type='MoCoV3ViT', **_base_.vit, drop_path_rate=0.1),
    head=dict(in_channels=64))
