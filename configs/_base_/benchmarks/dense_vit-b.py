# ViT-B/16 under a detector or a segmenter: maps of stride 16.
_base_ = 'dense_plugin.py'

vit_b = dict(
    type='mmpretrain.TappedViT',
    arch='base',  # 12 heads, as MoCo v3's
    img_size=224,  # of the file's positions, which are interpolated to each image's grid (iBOT)
    patch_size=16,
    out_type='featmap',
    init_cfg=dict(
        type='PretrainedBackbone',
        checkpoint='work_dirs/mimco_vit-b_300e/backbone_epoch_300.pth'))
# Weights and biases of norms, all other biases, class token and positions do not decay. (In iBOT's
# and BEiT's segmentation the last two do, because their rule asks for 'pos_embed' where the name is
# 'backbone.pos_embed'; at 0.0037 of the rate that shrinks them by some 0.1 % in all.)
no_decay = dict(
    flat_decay_mult=0.,
    custom_keys={'.cls_token': dict(decay_mult=0.), '.pos_embed': dict(decay_mult=0.)})
