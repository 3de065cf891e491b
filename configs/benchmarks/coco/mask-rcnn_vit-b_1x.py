# Mask R-CNN with ViT-B/16, 1x, ours: the paper has no such row. Swin-T's data and schedule, and
# ViTDet's pyramid, drop path, weight and layer decay; unlike ViTDet, all 12 layers attend globally.
_base_ = ['../../_base_/benchmarks/dense.py', '../../_base_/benchmarks/coco_1x.py']
pyramid = dict(type='mmpretrain.SimpleFeaturePyramid', in_channels=768, out_channels=256)
model = dict(
    backbone=dict(_delete_=True, **_base_.vit_b, drop_path_rate=0.1),  # ViTDet-B
    neck=dict(_delete_=True, **pyramid))
optim_wrapper = dict(
    _delete_=True, type='OptimWrapper',
    constructor='mmpretrain.BackboneLayerDecayConstructor',
    # ViTDet: 1e-4 for a batch of 64; SOD and here: for 16
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.1),  # ViTDet
    paramwise_cfg=dict(layer_decay_rate=0.7, **_base_.no_decay))  # ViTDet-B
