# Both sets at 512 px and three scales, as iBOT's run.sh does; MimCo's paper names DINO's protocol.
_base_ = 'swin-t_dino.py'
sets = dict(
    roxford5k=dict(img_size=512, scales=[1, 2**-0.5, 1 / 2]))  # iBOT: --imsize 512 --multiscale 1
