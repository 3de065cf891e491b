# Table 7, l1 regression of the teacher's patch features, no image loss: 81.35 % (paper).
_base_ = 'mimco_swin-t_patch-only.py'
model = dict(
    patch_neck=dict(_delete_=True, type='torch.nn.Identity'),
    patch_head=dict(_delete_=True, type='FeatureRegressionHead', in_channels=768))
