# Weighted k-NN of frozen features (Wu et al. 2018; settings of DINO's eval_knn.py). Any labelled
# dataset of mmpretrain may stand in `bank`, which votes, and in `queries`, which are judged.
_base_ = '../names.py'
custom_imports = dict(imports=['mimco_mm'], allow_failed_imports=False)
default_scope = 'mmpretrain'

model = dict(backbone=_base_.from_file)
data_preprocessor = dict(**_base_.rgb, to_rgb=True)
images = dict(
    type='LabelledImages', data_root='data/imagenet', pipeline=_base_.center_crop, test_mode=True)
bank = dict(**images, data_prefix='train')
queries = dict(**images, data_prefix='val')
ks = [10, 20, 100, 200]  # DINO
temperature = 0.07  # DINO
bank_dtype = 'float16'  # ours: 2 GB for ImageNet at 768, over all ranks; float32 similarities
batch_size = 256  # of each process
num_workers = 8  # of each process
