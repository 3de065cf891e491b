# Fine-tuning of the small study: a ViT on labelled images, by the mean of its patch tokens.
_base_ = ['finetune_swin-micro.py', '_base_/vit-micro.py']

model = dict(
    backbone=dict(_delete_=True, type='MoCoV3ViT', drop_path_rate=0.1, **_base_.vit),
    head=_base_.width)
