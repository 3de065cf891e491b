# MoBY Swin-B, 300 epochs. MoBY has no such recipe; the paper ran one of its own (Table 1), and
# does not say how: here Swin-T's is kept, drop path included.
_base_ = 'moby_swin-t.py'
model = dict(backbone=dict(arch='base'), neck=dict(in_channels=1024))
