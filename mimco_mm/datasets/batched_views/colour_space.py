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
    return from_hsv(hue + (factors * 255).trunc() % 256, saturation, value)


def to_hsv(images: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hue, saturation and value, (B, 1, H, W) each, whole numbers of 0 to 255."""
    red, green, blue = images.split(1, 1)
    value = torch.maximum(torch.maximum(red, green), blue)
    span = value - torch.minimum(torch.minimum(red, green), blue)
    hue = torch.where(red == value, green - blue,
                      torch.where(green == value, blue - red, red - green))
    hue /= span.clamp(min=1)
    hue += torch.where(red == value, 0., torch.where(green == value, 2., 4.))
    hue /= 6
    hue = hue.sub_(hue.floor()).mul_(255).floor_()
    return hue, (255 * span).div_(value.clamp(min=1)).floor_(), value


def from_hsv(hue: torch.Tensor, saturation: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W), RGB; hues of 0 to 511, of which 256 are the circle."""
    hue = torch.where(hue < 256, hue, hue - 256)
    full = (value * saturation).div_(255)
    place = torch.stack([hue * (6 / 255) + shift for shift in (5, 3, 1)], 1).squeeze(2)
    place = torch.where(place < 6, place, place - 6)
    part = torch.minimum(place, 4 - place).clamp_(0, 1)
    return part.mul_(-full).add_(value + 0.5).floor_()
