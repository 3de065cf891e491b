# Mask R-CNN with Swin-T, mmdet's own 1x recipe: one scale, drop path 0.2, warm-up of 1000 steps.
# Its supervised baseline is 42.7 box AP, 39.3 mask AP (mmdet), 1.0 and 0.5 below Table 2's.
_base_ = ['../../_base_/benchmarks/dense.py',
          'mmdet::swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco.py']
model = dict(backbone=dict(_delete_=True, **_base_.swin_t, drop_path_rate=0.2))  # mmdet
