# Table 3, UPerNet with Swin-T: MimCo 100 epochs 44.44 mIoU, 300 epochs 45.40; MoBY 300: 44.06;
# supervised 44.51; SimMIM 800: 40.47 (paper). mmseg's recipe has all numbers of Swin's (SSS).
_base_ = ['../../_base_/benchmarks/dense.py',
          'mmseg::swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512.py']
model = dict(backbone=dict(_delete_=True, **_base_.swin_t, drop_path_rate=0.3))  # SSS
auto_scale_lr = dict(enable=False, base_batch_size=16)  # SSS: 8 GPUs x 2
