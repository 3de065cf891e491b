# Swin-T under a detector or a segmenter: four maps, strides 4 to 32.
_base_ = 'dense_plugin.py'

swin_t = dict(
    type='mmpretrain.SwinTransformer',
    arch='tiny',
    img_size=224,
    out_indices=(0, 1, 2, 3),
    pad_small_map=True,  # SOD, SSS: every map is padded to whole windows, and shifted
    init_cfg=dict(
        type='PretrainedBackbone',
        checkpoint='work_dirs/mimco_swin-t/backbone_epoch_100.pth',
        # Each map has a norm of its own (SOD, SSS). Pre-training knows the last one only, and it
        # is taken from the file, where SOD starts it anew (ours: no tensor of the file is lost).
        fresh=['norm0.', 'norm1.', 'norm2.']))
