# Stage 1 of the small study, Swin.
_base_ = [
    '_base_/data_moby_32.py', '_base_/moby_swin-micro.py', '_base_/schedule.py',
    '../_base_/default_runtime.py'
]
