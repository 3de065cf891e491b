"""Whether a network sees its images, told by two that are made for it."""

from typing import NamedTuple, Tuple, Union

import torch
import torch.nn.functional as F
from torch import nn

from ...checkpoints import CheckpointError

SIDE = 224  # px of an image, for a network that takes any
COARSE = 8  # values along a side, from which an image is interpolated
# By this part of their size two images' features must differ at the same position. In the paper's
# four networks, as they are initialised, it is 0.28 to 0.57, in some tiny ones 0.002; in Swins of
# one value throughout 0, in Swins of weights a thousandth of those 1e-9.
LEAST = 1e-4
MEND = 'Give another file by `--teacher` (`model.target_generator.checkpoint`).'


class Spread(NamedTuple):
    """How the features of two made images spread.

    Attributes:
        size: root mean square of all features.
        images: of the two images' difference from their mean at the same position, in ``size``.
        positions: of the difference from the mean over an image's positions, in ``size``.
    """

    size: float
    images: float
    positions: float

    def __str__(self) -> str:
        return (f'size {self.size:.3g}, of which {self.images:.3g} differ between two made images, '
                f'and {self.positions:.3g} between positions')


def made_images(side: Union[int, Tuple[int, int]]) -> torch.Tensor:
    """Two different smooth images (2, 3, h, w), always the same, as if normalised."""
    coarse = torch.randn(2, 3, COARSE, COARSE, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, side, mode='bicubic')


def side_of(network: nn.Module) -> Union[int, Tuple[int, int]]:
    """Side in px of the images for which a network was built, (h, w) where it names both."""
    sides = (getattr(module, 'img_size', None) for module in network.modules())
    return next((side for side in sides if isinstance(side, (int, tuple))), SIDE)


def spread_of(features: torch.Tensor) -> Spread:
    """The spread of the features (2, C, H, W) of two images.

    Raises:
        CheckpointError: they are not finite, or the same whatever the image.
    """
    features = features.float()
    if not features.isfinite().all():
        raise CheckpointError('Its features of made images are not finite: its weights are too '
                              f'large, or damaged. {MEND}')
    size = rms(features)
    images = rms(features - features.mean(0, keepdim=True)) / max(size, 1e-30)
    if images < LEAST:
        raise CheckpointError(
            f'Its features of two different images are the same (they differ by {images:.2g} of '
            f'their size, {size:.3g}): these are no trained weights, and there is nothing to learn '
            f'from them. {MEND}')
    positions = rms(features - features.mean((2, 3), keepdim=True)) / size
    return Spread(size, images, positions)


def check_matrices(network: nn.Module) -> None:
    """Raise CheckpointError where each trained matrix of a network holds one value throughout.

    Positions that are fixed by a formula let such a network's features differ nonetheless.
    """
    matrices = [p for p in network.parameters() if p.ndim > 1 and p.requires_grad]
    if matrices and all(p.min() == p.max() for p in matrices):
        raise CheckpointError(f'Each of its {len(matrices)} matrices holds one value throughout, '
                              f'as no network does that was trained or initialised. {MEND}')


def rms(x: torch.Tensor) -> float:
    return x.square().mean().sqrt().item()
