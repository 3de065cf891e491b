# ImageNet's labelled images, data/imagenet/{train,val}/CLASS/IMAGE, and top-1 and top-5 accuracy.
# Other data: the classes are the folders of train/, which val/ must have as well; `ann_file` names
# a list of `IMAGE LABEL` lines instead, for a val/ without folders.
data_preprocessor = dict(
    num_classes=1000,  # also in `model.head`; a count that does not fit stops a run at its start
    mean=[123.675, 116.28, 103.53],  # ImageNet's, in RGB
    std=[58.395, 57.12, 57.375],
    to_rgb=True)
loader = dict(
    batch_size=128,  # iBOT, MoCo v3: 1024, over 8 GPUs
    num_workers=8,
    persistent_workers=True,
    collate_fn=dict(type='default_collate'))
images = dict(type='LabelledImages', data_root='data/imagenet')
train_dataloader = dict(
    **loader,
    drop_last=True,  # iBOT
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='ResilientDataset', dataset=dict(**images, data_prefix='train')))
val_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**images, data_prefix='val', test_mode=True))
val_evaluator = dict(type='Accuracy', topk=(1, 5))
val_cfg = dict()
test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict()
