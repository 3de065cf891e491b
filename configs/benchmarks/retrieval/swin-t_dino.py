# Table 4, "following the evaluation protocol as in DINO": ROx M/H 30.16/7.91, RPar M/H 50.82/21.31
# for MimCo Swin-T, 100 epochs (paper). Sizes and scales are those of the commands in DINO's README.
_base_ = '../../_base_/benchmarks/retrieval.py'

sets = dict(
    roxford5k=dict(img_size=224, scales=[1]),  # DINO: --imsize 224 --multiscale 0
    rparis6k=dict(img_size=512, scales=[1, 2**-0.5, 1 / 2]))  # --imsize 512 --multiscale 1
