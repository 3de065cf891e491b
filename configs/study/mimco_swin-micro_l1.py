# The small study's l1 regression of the teacher's patch features (Table 7), Swin.
_base_ = 'mimco_swin-micro_patch-only.py'
model = dict(
    patch_neck=dict(_delete_=True, type='torch.nn.Identity'),
    patch_head=dict(_delete_=True, type='FeatureRegressionHead', in_channels=96))
