"""Pillow's Gaussian blur of a batch: a box of fractional width, three times in each direction."""

from typing import Tuple

import numpy as np
import torch
from mmpretrain.registry import TRANSFORMS

from .geometric import round_half_up
from .streams import Size, Streams, to_device
from .transform import BatchedTransform

PASSES = 3
FRACTIONS = 2**24  # Pillow's weights are whole numbers of them


@TRANSFORMS.register_module()
class BatchedGaussianBlur(BatchedTransform):
    """mmpretrain's ``GaussianBlur`` of a batch, each image with a kernel of its own.

    As a product with a matrix for each direction: three kernels, where a convolution would take
    dozens, and exact at the borders, at which Pillow repeats the last pixel before each pass. Only
    Pillow's rounding between the passes is left out.

    Args:
        sigma_range: standard deviations in px, drawn uniformly; Pillow calls them radius.
        prob: of an image to be blurred.
    """

    def __init__(self, sigma_range: Tuple[float, float], prob: float = 0.5) -> None:
        super().__init__(prob)
        self.sigma_range = sigma_range

    def draw(self, streams: Streams, size: Size) -> Tuple[np.ndarray]:
        """Standard deviations (B,), in px."""
        return streams.uniform(1, *self.sigma_range)[:, 0],

    def apply(self, images: torch.Tensor, sigmas: np.ndarray) -> torch.Tensor:
        reach = int(box_radius(np.float64(max(self.sigma_range)))) + 1
        weights = to_device(box_weights(sigmas, reach), images)
        rows, columns = images.shape[2:]
        across = blur_matrix(weights, columns)
        down = across if rows == columns else blur_matrix(weights, rows)
        images = round_half_up(images.flatten(1, 2) @ across.transpose(1, 2)).unflatten(1, (3, -1))
        return round_half_up(down[:, None] @ images)


def box_radius(sigmas: np.ndarray) -> np.ndarray:
    """Half widths of the boxes that make up a Gaussian, in px (Gwosdek et al., SSVM 2011)."""
    variance = sigmas**2 / PASSES
    whole = np.floor((np.sqrt(12 * variance + 1) - 1) / 2)
    part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    return whole + part / (6 * (variance - (whole + 1)**2))


def box_weights(sigmas: np.ndarray, reach: int) -> np.ndarray:
    """What one pass multiplies the neighbours -reach to reach by, (B, 2 reach + 1) (BoxBlur.c)."""
    radius = box_radius(sigmas)[:, None]
    whole = np.floor(radius)
    inner = np.floor(FRACTIONS / (2 * radius + 1))
    outer = np.floor((FRACTIONS - (2 * whole + 1) * inner) / 2)
    distance = np.abs(np.arange(-reach, reach + 1))
    return np.where(distance <= whole, inner, outer * (distance == whole + 1)) / FRACTIONS


def blur_matrix(weights: torch.Tensor, size: int) -> torch.Tensor:
    """The passes over a line of so many px, (B, size, size), from ``box_weights``."""
    place = torch.arange(size, device=weights.device)
    reach = weights.shape[1] // 2
    offset = torch.arange(-reach, reach + 1, device=weights.device)[:, None]
    source = (place + offset).clamp_(0, size - 1)                             # (2 reach + 1, size)
    taken = (source[..., None] == place).to(weights.dtype)                    # (.., size, size)
    one_pass = (weights @ taken.flatten(1)).unflatten(1, (size, size))
    return one_pass @ one_pass @ one_pass
