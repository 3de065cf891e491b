from abc import ABCMeta, abstractmethod
from typing import Tuple

import numpy as np
import torch

from .streams import Size, Streams


class BatchedTransform(metaclass=ABCMeta):
    """A random change of each image of a batch by itself, all of them at once.

    Images are (B, 3, H, W), RGB, whole numbers of 0 to 255 in a floating-point tensor, on whatever
    device. What is drawn stays on the host as numpy arrays (B, ...), and never depends on the other
    images of the batch.

    Args:
        prob: of an image to be changed.
    """

    def __init__(self, prob: float = 1.) -> None:
        self.prob = prob

    def __call__(self, images: torch.Tensor, streams: Streams) -> torch.Tensor:
        drawn = self.draw(streams, tuple(images.shape[2:]))
        if self.prob >= 1:
            return self.apply(images, *drawn)
        rows = np.flatnonzero(streams.happens(self.prob))
        if len(rows) == 0:
            return images
        index = torch.from_numpy(rows).to(images.device, non_blocking=True)
        changed = self.apply(images[index], *(values[rows] for values in drawn))
        return images.index_copy(0, index, changed)

    @abstractmethod
    def draw(self, streams: Streams, size: Size) -> Tuple[np.ndarray, ...]:
        """The parameters of images of this size, (B, ...) each."""

    @abstractmethod
    def apply(self, images: torch.Tensor, *drawn: np.ndarray) -> torch.Tensor:
        """The images as these parameters make them."""
