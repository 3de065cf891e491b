# Swin-T taught by one of timm's models, here the supervised Swin-T in its authors' release.
_base_ = '../mimco_swin-t.py'
teacher = ('https://github.com/SwinTransformer/storage/releases/download/v1.0.0/'
           'swin_tiny_patch4_window7_224.pth')
network = dict(_delete_=True, type='TimmFeatureMap', model_name='swin_tiny_patch4_window7_224')
model = dict(target_generator=dict(backbone=network, checkpoint=teacher))
