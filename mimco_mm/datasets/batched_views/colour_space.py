"""Pillow's grey and HSV, of batches (B, 3, H, W) in whole numbers of 0 to 255 (Convert.c)."""

from typing import Tuple

import torch


def luma(images: torch.Tensor) -> torch.Tensor:
    """Mode L, (B, 1, H, W): ITU-R 601-2 in 16-bit fractions, which float32 holds exactly."""
    red, green, blue = images.split(1, 1)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) / 65536).floor_()


def turn_hue(images: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Hues turned by these parts of a circle, (B, 1, 1, 1), as mmcv's ``adjust_hue`` does."""
    hue, saturation, value = to_hsv(images)
    return from_hsv((hue + (factors * 255).trunc()) % 256, saturation, value)


def to_hsv(images: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hue, saturation and value, (B, 1, H, W) each, whole numbers of 0 to 255."""
    red, green, blue = images.split(1, 1)
    value = images.amax(1, keepdim=True)
    span = value - images.amin(1, keepdim=True)
    some = span.clamp(min=1)
    hue = torch.where(red == value, (green - blue) / some,
                      torch.where(green == value, 2 + (blue - red) / some,
                                  4 + (red - green) / some))
    hue = ((hue / 6 + 1) % 1 * 255).floor_()
    # where span is 0 both are; a quotient of whole numbers is cut off, not its rounded neighbour
    saturation = (255 * span / value.clamp(min=1)).floor_()
    return hue, saturation, value


def from_hsv(hue: torch.Tensor, saturation: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W), RGB."""
    sixths = hue * (6 / 255)
    full = value * saturation / 255
    shift = torch.tensor([5., 3., 1.], dtype=hue.dtype, device=hue.device)[:, None, None]
    place = (shift + sixths) % 6
    part = torch.minimum(place, 4 - place).clamp_(0, 1)
    return (value - full * part).add_(0.5).floor_()
