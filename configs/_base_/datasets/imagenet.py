# The images of a folder, without labels: ImageNet's train/ or any other tree of images.
data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53],  # ImageNet's, in RGB
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
    non_blocking=True)
train_dataloader = dict(
    num_workers=8,
    persistent_workers=True,
    drop_last=True,  # SimMIM, MoBY
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ResilientDataset',
        dataset=dict(
            type='ImageFolder',
            data_root='data/imagenet',
            data_prefix='train',
            with_label=False)))
