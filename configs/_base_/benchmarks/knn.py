# Weighted k-NN of frozen features (Wu et al. 2018; settings of DINO's eval_knn.py). Any labelled
# dataset of mmpretrain may stand in `bank`, which votes, and in `queries`, which are judged.
custom_imports = dict(imports=['mimco_mm'], allow_failed_imports=False)
default_scope = 'mmpretrain'

data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53],  # ImageNet's, in RGB
    std=[58.395, 57.12, 57.375],
    to_rgb=True)
pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ResizeEdge', scale=256, backend='pillow', interpolation='bicubic'),  # DINO
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs', meta_keys=('img_path', )),
]
images = dict(type='LabelledImages', data_root='data/imagenet', pipeline=pipeline, test_mode=True)
bank = dict(**images, data_prefix='train')
queries = dict(**images, data_prefix='val')
ks = [10, 20, 100, 200]  # DINO
temperature = 0.07  # DINO
bank_dtype = 'float16'  # ours: 2 GB for ImageNet at 768, over all ranks; float32 similarities
batch_size = 256  # of each process
num_workers = 8  # of each process
