_base_ = ['mmpretrain::_base_/default_runtime.py', 'plugin.py']

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(interval=1, max_keep_ckpts=3))
randomness = dict(seed=0)  # MoBY: SEED 0 + rank; the rank is added by EpochSeedHook
