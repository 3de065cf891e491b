import numpy as np
import torch

from ..transforms import MaskGenerator
from .streams import Streams


class BatchedMask:
    """``MaskGenerator`` for a batch.

    Args:
        **kwargs: those of ``MaskGenerator``.
    """

    def __init__(self, **kwargs) -> None:
        self.units = MaskGenerator(**kwargs)  # its checks and counts

    def __call__(self, streams: Streams) -> torch.Tensor:
        """Masks (B, h, w), int64, on the host, 1 = masked."""
        masked = streams.permutations(self.units.token_count)[:, :self.units.mask_count]
        masks = np.zeros((len(streams), self.units.token_count), np.int64)
        np.put_along_axis(masks, masked, 1, 1)
        return torch.from_numpy(masks).unflatten(1, (self.units.rand_size, -1))
