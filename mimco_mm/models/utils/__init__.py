from .equal_sync_batch_norm import EqualSyncBatchNorm, convert_sync_batchnorm
from .key_queue import KeyQueue
from .masking import (
    batch_masks,
    common_grid,
    expand_mask,
    global_average,
    masked_index,
    mean_key,
    tokens,
)
from .momentum import MomentumCopy, cosine_momentum

__all__ = [
    'EqualSyncBatchNorm', 'KeyQueue', 'MomentumCopy', 'batch_masks', 'common_grid',
    'convert_sync_batchnorm', 'cosine_momentum', 'expand_mask', 'global_average', 'masked_index',
    'mean_key', 'tokens'
]
