# Detection and segmentation: mmdet's and mmseg's recipes, a backbone that was pre-trained here.
_base_ = ['../efficiency.py', '../names.py']

custom_imports = dict(imports=['mimco_mm'], allow_failed_imports=False)
runner_type = 'mmpretrain.TransferRunner'  # checks the data before the first step
custom_hooks = [dict(type='mmpretrain.RunIdentityHook'), dict(type='mmpretrain.DataRecordHook')]
randomness = dict(seed=0)
# custom_imports come after all bases are read, and of the maintained packages 'mmseg::' is found
# only once mimco_mm is imported: whatever program reads these configs, it is.
__import__('mimco_mm')

swin_t = dict(
    type='mmpretrain.SwinTransformer',
    out_indices=(0, 1, 2, 3),  # four maps, strides 4 to 32
    pad_small_map=True,  # SOD, SSS: every map is padded to whole windows, and shifted
    init_cfg=dict(
        type='PretrainedBackbone', checkpoint='work_dirs/mimco_swin-t/backbone_epoch_100.pth',
        # Each map has a norm of its own (SOD, SSS). Pre-training knows the last one only, and it
        # is taken from the file, where SOD starts it anew (ours: no tensor of the file is lost).
        fresh=['norm0.', 'norm1.', 'norm2.']))
vit_b = dict(  # maps of stride 16; the file's positions are interpolated to their grid (iBOT)
    type='mmpretrain.TappedViT', out_type='featmap',
    init_cfg=dict(
        type='PretrainedBackbone', checkpoint='work_dirs/mimco_vit-b_300e/backbone_epoch_300.pth'))
# Weights and biases of norms, all other biases, class token and positions do not decay. (In iBOT's
# and BEiT's segmentation the last two do, because their rule asks for 'pos_embed' where the name is
# 'backbone.pos_embed'; at 0.0037 of the rate that shrinks them by some 0.1 % in all.)
no_decay = dict(
    flat_decay_mult=0.,
    custom_keys={'.cls_token': dict(decay_mult=0.), '.pos_embed': dict(decay_mult=0.)})
