# Revisited Oxford and Paris by frozen features: network, normalisation, images. A leaf adds `sets`,
# name -> longest side of an image in px and scales.
custom_imports = dict(imports=['mimco_mm'], allow_failed_imports=False)
default_scope = 'mmpretrain'

model = dict(
    backbone=dict(
        type='SwinTransformer',
        arch='tiny',  # Tables 4 and 9
        img_size=224,  # of pre-training; the images here have any size
        pad_small_map=True,  # ours: maps are padded to whole windows, as Swin does for detection
        init_cfg=dict(type='PretrainedBackbone', checkpoint='')))  # the command's CHECKPOINT
data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53],  # DINO: ImageNet's, in RGB
    std=[58.395, 57.12, 57.375])
data_root = 'data/revisited'  # ROOT/roxford5k/gnd_roxford5k.pkl, ROOT/roxford5k/jpg/*.jpg
crop_queries = False  # DINO, iBOT: the whole query; the revisited protocol crops it to its box
num_workers = 2  # of each process
