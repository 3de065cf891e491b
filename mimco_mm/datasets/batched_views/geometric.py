"""Crops and flips of a batch: boxes as mmpretrain draws them, pixels as Pillow resizes them."""

from typing import Sequence, Tuple, Union

import numpy as np
import torch
from mmpretrain.datasets.transforms import RandomResizedCrop
from mmpretrain.registry import TRANSFORMS
from torch.nn import functional as F

from .streams import Size, Streams, to_device
from .transform import BatchedTransform


@TRANSFORMS.register_module()
class BatchedResizedCrop(BatchedTransform):
    """mmpretrain's ``RandomResizedCrop``, ``backend='pillow'``, bilinear, of a batch.

    Args:
        scale: height and width in px, or the side of a square.
        crop_ratio_range: area of the crop, as a part of the image.
        aspect_ratio_range: width to height of the crop.
        max_attempts: at a box inside the image; then the centre is taken.
    """

    def __init__(self,
                 scale: Union[Sequence[int], int],
                 crop_ratio_range: Tuple[float, float] = (0.08, 1.0),
                 aspect_ratio_range: Tuple[float, float] = (3 / 4, 4 / 3),
                 max_attempts: int = 10) -> None:
        super().__init__()
        # its checks of the ranges, and its box where no attempt succeeds
        self.centre = RandomResizedCrop(scale, crop_ratio_range, aspect_ratio_range, 0)
        self.scale: Size = tuple(self.centre.scale)
        self.crop_ratio_range = crop_ratio_range
        self.log_ratios = np.log(aspect_ratio_range)
        self.max_attempts = max_attempts

    def draw(self, streams: Streams, size: Size) -> Tuple[np.ndarray]:
        """Boxes (B, 4): top, left, height and width in px."""
        height, width = size
        area = streams.uniform(self.max_attempts, *self.crop_ratio_range) * (height * width)
        ratio = np.exp(streams.uniform(self.max_attempts, *self.log_ratios))
        w = np.rint(np.sqrt(area * ratio)).astype(np.int64)
        h = np.rint(np.sqrt(area / ratio)).astype(np.int64)
        fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
        first = np.arange(len(streams)), fits.argmax(1)
        h, w = h[first], w[first]
        boxes = np.stack([streams.below(height - h + 1), streams.below(width - w + 1), h, w], 1)
        if not fits.any(1).all():
            image = np.broadcast_to(np.uint8(0), size)
            boxes[~fits.any(1)] = self.centre.rand_crop_params(image)
        return boxes,

    def apply(self, images: torch.Tensor, boxes: np.ndarray) -> torch.Tensor:
        top, left, height, width = to_device(boxes, images)[..., None, None].unbind(1)
        rows, columns = self.scale
        across = resize_weights(left, width, images.shape[3], columns, images)
        down = resize_weights(top, height, images.shape[2], rows, images)
        # Pillow rounds after each direction, width first
        images = round_half_up(images.flatten(1, 2) @ across.transpose(1, 2))
        images = images.unflatten(1, (3, -1))
        return round_half_up(down[:, None] @ images)


def resize_weights(start: torch.Tensor, length: torch.Tensor, size_in: int, size_out: int,
                   images: torch.Tensor) -> torch.Tensor:
    """Weights (B, size_out, size_in) of Pillow's bilinear filter, antialiased where it shrinks.

    Args:
        start: first px of the crop, (B, 1, 1).
        length: of the crop, in px, (B, 1, 1).
        size_in: of the images.
        size_out: to come.
        images: what the weights are for; they have its type and device.
    """
    scale = length.to(images.dtype) / size_out
    place = torch.arange(size_in, device=images.device)
    target = torch.arange(size_out, device=images.device)[:, None]
    centre = start + (target + 0.5) * scale                                   # (B, out, 1)
    weights = 1 - (place + 0.5 - centre).abs_() / scale.clamp(min=1)          # (B, out, in)
    weights.clamp_(min=0).mul_((place >= start) & (place < start + length))
    return weights / weights.sum(-1, keepdim=True)


def round_half_up(values: torch.Tensor) -> torch.Tensor:
    return values.add_(0.5).floor_()


@TRANSFORMS.register_module()
class BatchedCrop(BatchedTransform):
    """mmpretrain's ``RandomCrop`` of a batch, to the images' own size, after black padding.

    Args:
        padding: px on each side.
    """

    def __init__(self, padding: int) -> None:
        super().__init__()
        self.padding = padding

    def draw(self, streams: Streams, size: Size) -> Tuple[np.ndarray]:
        """Corners (B, 2): top and left, in px of the padded images."""
        most = np.full(len(streams), 2 * self.padding + 1)
        return np.stack([streams.below(most), streams.below(most)], 1),

    def apply(self, images: torch.Tensor, corners: np.ndarray) -> torch.Tensor:
        top, left = to_device(corners, images)[..., None].unbind(1)
        height, width = images.shape[2:]
        rows = (top + torch.arange(height, device=images.device))[:, None, :, None]
        columns = (left + torch.arange(width, device=images.device))[:, None, None]
        batch = torch.arange(len(images), device=images.device)[:, None, None, None]
        channel = torch.arange(3, device=images.device)[None, :, None, None]
        return F.pad(images, [self.padding] * 4)[batch, channel, rows, columns]


@TRANSFORMS.register_module()
class BatchedFlip(BatchedTransform):
    """mmcv's ``RandomFlip`` from left to right, of a batch.

    Args:
        prob: of the flip.
    """

    def draw(self, streams: Streams, size: Size) -> Tuple[()]:
        return ()

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        return images.flip(3)
