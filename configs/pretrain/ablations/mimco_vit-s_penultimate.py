# Not the paper's: block 11 of the teacher's 12 as the target. MoCo v3 trains the last block's class
# token alone; its patches get no loss of their own.
_base_ = '../mimco_vit-s.py'
model = dict(target_generator=dict(backbone=dict(out_indices=[10]), layer_norm_targets=True))
