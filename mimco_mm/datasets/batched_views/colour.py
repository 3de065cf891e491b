"""Colour changes of a batch, value by value those of mmcv with Pillow."""

from typing import Optional, Tuple

import numpy as np
import torch
from mmpretrain.datasets.transforms import ColorJitter
from mmpretrain.registry import TRANSFORMS

from .colour_space import luma, turn_hue
from .streams import Size, Streams, to_device
from .transform import BatchedTransform

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)  # as mmpretrain numbers them


def blend(images: torch.Tensor, kinds: np.ndarray, factors: np.ndarray) -> torch.Tensor:
    """Pillow's: base + factor (image - base), cut off to whole numbers of 0 to 255.

    Args:
        images: (B, 3, H, W).
        kinds: (B,), of each image: the base is black (BRIGHTNESS), the mean of its grey (CONTRAST)
            or its grey (SATURATION).
        factors: (B,).
    """
    drawn = np.stack([factors, kinds == CONTRAST, kinds == SATURATION], 1)
    factor, has_mean, has_grey = to_device(drawn, images)[..., None, None, None].unbind(1)
    grey = luma(images)
    mean = grey.mean((1, 2, 3), keepdim=True).add_(0.5).floor_()
    base = grey.mul_(has_grey).add_(mean.mul_(has_mean))
    return (images - base).mul_(factor).add_(base).clamp_(0, 255).floor_()


@TRANSFORMS.register_module()
class BatchedColorJitter(BatchedTransform):
    """mmpretrain's ``ColorJitter`` of a batch, the changes of each image in an order of its own.

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
        order = streams.permutations(len(self.ranges))
        factors = streams.uniform(len(self.ranges))
        for column, limits in enumerate(self.ranges):
            low, high = limits or (0., 0.)
            factors[:, column] = low + (high - low) * factors[:, column]
        return order, factors

    def apply(self, images: torch.Tensor, order: np.ndarray, factors: np.ndarray) -> torch.Tensor:
        """Blends before an image's hue, the hues of all, which take longest, and the blends after.

        So that there is one kernel for many images, whatever their orders are.
        """
        images = images.clone()
        kinds = order[order != HUE].reshape(len(order), -1)  # (B, 3): of the blends, in their order
        before = np.arange(kinds.shape[1]) < order.argmax(1)[:, None]
        wanted = np.array([limits is not None for limits in self.ranges])
        for now in (before, ~before):
            for chosen, each in zip((now & wanted[kinds]).T, kinds.T):
                rows = np.flatnonzero(chosen)
                if len(rows):
                    index = to_device(rows, images)
                    images[index] = blend(images[index], each[rows], factors[rows, each[rows]])
            if now is before and wanted[HUE]:
                by = to_device(factors[:, HUE], images)[:, None, None, None]
                images = turn_hue(images, by)
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
