from .cpu_sync_batch_norm import CPUSyncBatchNorm, convert_sync_batchnorm_to_cpu
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
    'CPUSyncBatchNorm', 'KeyQueue', 'MomentumCopy', 'batch_masks', 'common_grid',
    'convert_sync_batchnorm_to_cpu', 'cosine_momentum', 'expand_mask', 'global_average',
    'masked_index', 'mean_key', 'tokens'
]
