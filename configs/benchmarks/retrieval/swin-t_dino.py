# Table 4, "following the evaluation protocol as in DINO": ROx M/H 30.16/7.91, RPar M/H 50.82/21.31
# for MimCo Swin-T, 100 epochs (paper). Sizes and scales are those of the commands in DINO's README.
_base_ = '../../_base_/names.py'
custom_imports = dict(imports=['mimco_mm'], allow_failed_imports=False)
default_scope = 'mmpretrain'
data_root = 'data/revisited'  # ROOT/roxford5k/gnd_roxford5k.pkl, ROOT/roxford5k/jpg/*.jpg
sets = dict(  # name -> longest side of an image in px, scales
    roxford5k=dict(img_size=224, scales=[1]),  # DINO: --imsize 224 --multiscale 0
    rparis6k=dict(img_size=512, scales=[1, 2**-0.5, 1 / 2]))  # --imsize 512 --multiscale 1
crop_queries = False  # DINO, iBOT: the whole query; the revisited protocol crops it to its box
data_preprocessor = _base_.rgb  # DINO
model = dict(backbone=dict(
    type='SwinTransformer', **_base_.swin_t, **_base_.from_file,  # Tables 4 and 9
    pad_small_map=True))  # ours: maps are padded to whole windows, as Swin does for detection
num_workers = 2  # of each process
