"""Colour changes of a batch, value by value those of mmcv with Pillow."""

from typing import Optional, Tuple

import numpy as np
import torch
from mmpretrain.datasets.transforms import ColorJitter
from mmpretrain.registry import TRANSFORMS

from .colour_space import luma, turn_hue
from .streams import Size, Streams, to_device
from .transform import BatchedTransform


def blend(base: torch.Tensor, images: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Pillow's: base + factor (image - base), cut off to whole numbers of 0 to 255."""
    return (images - base).mul_(factors).add_(base).clamp_(0, 255).floor_()


def brightness(images: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    return (images * factors).clamp_(0, 255).floor_()


def contrast(images: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    mean = (luma(images).mean((1, 2, 3), keepdim=True) + 0.5).floor()
    return blend(mean, images, factors)


def saturation(images: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    return blend(luma(images), images, factors)


CHANGES = (brightness, contrast, saturation, turn_hue)  # as mmpretrain numbers them


@TRANSFORMS.register_module()
class BatchedColorJitter(BatchedTransform):
    """mmpretrain's ``ColorJitter`` of a batch, each image in an order of its own.

    Args:
        brightness, contrast, saturation, hue: see mmpretrain.
        prob: of an image to be changed, as by a ``RandomApply`` around it.
    """

    def __init__(self, brightness: float = 0., contrast: float = 0., saturation: float = 0.,
                 hue: float = 0., prob: float = 1.) -> None:
        super().__init__(prob)
        ranges = ColorJitter(brightness, contrast, saturation, hue)
        self.ranges: Tuple[Optional[Tuple[float, float]], ...] = (
            ranges.brightness, ranges.contrast, ranges.saturation, ranges.hue)

    def draw(self, streams: Streams, size: Size) -> Tuple[np.ndarray, np.ndarray]:
        """Orders (B, 4) of the changes, and how far each goes (B, 4)."""
        order = streams.permutations(len(CHANGES))
        factors = streams.uniform(len(CHANGES))
        for column, limits in enumerate(self.ranges):
            low, high = limits or (0., 0.)
            factors[:, column] = low + (high - low) * factors[:, column]
        return order, factors

    def apply(self, images: torch.Tensor, order: np.ndarray, factors: np.ndarray) -> torch.Tensor:
        images = images.clone()
        for kinds in order.T:
            for kind, change in enumerate(CHANGES):
                rows = np.flatnonzero(kinds == kind)
                if self.ranges[kind] is None or len(rows) == 0:
                    continue
                index = to_device(rows, images)
                chosen = to_device(factors[rows, kind], images)[:, None, None, None]
                images[index] = change(images[index], chosen)
        return images


@TRANSFORMS.register_module()
class BatchedGrayscale(BatchedTransform):
    """mmcv's ``RandomGrayscale`` of a batch, three channels kept.

    Args:
        prob: of an image to lose its colours.
        channel_weights: of red, green and blue; their sum is made 1.
    """

    def __init__(self, prob: float,
                 channel_weights: Tuple[float, ...] = (0.2989, 0.587, 0.114)) -> None:
        super().__init__(prob)
        self.weights = np.array(channel_weights) / sum(channel_weights)

    def draw(self, streams: Streams, size: Size) -> Tuple[()]:
        return ()

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        weights = to_device(self.weights, images)[:, None, None]
        return (images * weights).sum(1, keepdim=True).floor_().expand_as(images)


@TRANSFORMS.register_module()
class BatchedSolarize(BatchedTransform):
    """mmpretrain's ``Solarize`` of a batch: what is not below ``thr`` is inverted."""

    def __init__(self, thr: float = 128, prob: float = 0.5) -> None:
        super().__init__(prob)
        self.thr = thr

    def draw(self, streams: Streams, size: Size) -> Tuple[()]:
        return ()

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        return torch.where(images < self.thr, images, 255 - images)
