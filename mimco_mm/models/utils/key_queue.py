import torch
from mmengine.dist import all_gather
from torch import nn
from torch.nn import functional as F

from ...errors import ConfigError


class KeyQueue(nn.Module):
    """First-in, first-out memory of the negatives of a contrastive loss (MoCo, MoBY).

    ``keys`` (K, D) and ``pointer`` are persistent buffers, so a resumed run goes on with the queue
    it stopped with. A batch of any size up to K is written at the pointer and wraps around.

    Args:
        size: K, the number of keys.
        dim: D, the width of a key.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer('keys', F.normalize(torch.randn(size, dim), dim=1))
        self.register_buffer('pointer', torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def enqueue(self, keys: torch.Tensor) -> None:
        """Write the keys (B, D) of all ranks, rank 0's first, over the oldest ones.

        Raises:
            ValueError: the keys of all ranks are more than the queue holds.
        """
        keys = torch.cat(all_gather(keys.to(self.keys.dtype).contiguous()))
        if len(keys) > len(self.keys):
            raise ConfigError(
                f'One global batch brings {len(keys)} keys, but the queue holds {len(self.keys)}: '
                'raise `queue_len` of the head or lower `train_dataloader.batch_size`.')
        rows = torch.arange(len(keys), device=keys.device)
        self.keys.index_copy_(0, (self.pointer + rows) % len(self.keys), keys)
        self.pointer.add_(len(keys)).remainder_(len(self.keys))
