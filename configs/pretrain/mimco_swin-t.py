# Table 1, Swin-T, 100 epochs: 81.7 % on ImageNet after fine-tuning (paper). The whole recipe, of
# section 3.3; all other mimco_* say what they change of it.
_base_ = ['../_base_/pretrain.py', '../_base_/adamw.py']
data = 'data/imagenet'
teacher = ('https://github.com/SwinTransformer/storage/releases/download/v1.0.3/'
           'moby_swin_t_300ep_pretrained.pth')  # MoBY's release
batch_size = 256  # paper 3.3: 2048, over 8 GPUs
epochs = 100
mask_ratio = 0.6  # paper 3.3
crop = (0.67, 1.0)  # paper 3.3: of the image's area

network = dict(**_base_.swin_t, drop_path_rate=0.0)  # SimMIM
model = dict(
    type='MimCo',
    backbone=dict(type='MaskedSwinTransformer', **network),
    target_generator=dict(
        type='FrozenTeacher', backbone=dict(type='SwinTransformer', **network), checkpoint=teacher),
    patch_neck=_base_.neck, patch_head=_base_.head,
    image_neck=_base_.neck, image_head=_base_.head,
    patch_queue_key='all',  # section 3.2; Algorithm 1 has 'masked'
    base_momentum=0.99)  # MoBY
train_pipeline = [
    dict(type='LoadCodedImage'),
    dict(type='CodedResizedCrop', scale=224, crop_ratio_range=crop,
         aspect_ratio_range=(3 / 4, 4 / 3),  # paper 3.3
         interpolation='bilinear'),  # torchvision's default, which SimMIM keeps
    dict(type='CodedFlip', prob=0.5),
    dict(type='MaskGenerator', input_size=224, mask_patch_size=32, mask_ratio=mask_ratio),
    dict(type='PackCodedInputs', meta_keys=('img_path', )),
]
data_preprocessor = dict(type='DecodingDataPreprocessor')
train_dataloader = dict(
    batch_size=batch_size, collate_fn=_base_.decoding,
    dataset=dict(dataset=dict(data_root=data, pipeline=train_pipeline)))
no_decay = dict(decay_mult=0.0)  # as in SimMIM
optim_wrapper = dict(
    **_base_.autocast, **_base_.merged,
    optimizer=dict(lr=1e-3 * 2048 / 512, **_base_.fused),  # paper 3.3
    paramwise_cfg=dict(
        custom_keys=dict(mask_token=no_decay, cls_token=no_decay, absolute_pos_embed=no_decay)))
auto_scale_lr = dict(base_batch_size=2048)
param_scheduler = [dict(  # paper 3.3: 10 epochs of warm-up; the rest is SimMIM's, 100 epochs
    **_base_.cosine, warmup=10, start_ratio=1e-6 / 1e-3, min_ratio=1e-5 / 1e-3, end=epochs)]
train_cfg = dict(max_epochs=epochs)
