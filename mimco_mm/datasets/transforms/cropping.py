import math
from typing import Sequence, Tuple, Union

import numpy as np
import torch
from mmcv.transforms.utils import cache_randomness
from mmpretrain.datasets.transforms import RandomResizedCrop
from mmpretrain.registry import TRANSFORMS
from torch.nn import functional as F

from ...errors import ConfigError

INTERPOLATIONS = ('bilinear', 'bicubic')


@TRANSFORMS.register_module()
class AntialiasedResizedCrop(RandomResizedCrop):
    """mmpretrain's ``RandomResizedCrop``, its boxes included, resized by torch.

    Antialiased as with ``backend='pillow'``, at a quarter of the time. The new ``img`` (h, w, 3)
    has its channels in planes one after another, which makes all that follows, up to the batch,
    cheap to copy.

    Args:
        scale: height and width in px, or the side of a square.
        crop_ratio_range: area of the crop, as a part of the image.
        aspect_ratio_range: width to height of the crop.
        max_attempts: at a box inside the image; then the centre is taken.
        interpolation: 'bilinear' or 'bicubic'.
    """

    _methods_with_randomness = []  # a list of its own: mmcv adds to what is inherited

    def __init__(self,
                 scale: Union[Sequence[int], int],
                 crop_ratio_range: Tuple[float, float] = (0.08, 1.0),
                 aspect_ratio_range: Tuple[float, float] = (3 / 4, 4 / 3),
                 max_attempts: int = 10,
                 interpolation: str = 'bilinear') -> None:
        if interpolation not in INTERPOLATIONS:
            raise ConfigError(f'`interpolation` must be one of {", ".join(INTERPOLATIONS)}, got '
                              f"{interpolation!r}. mmpretrain's RandomResizedCrop with "
                              "backend='pillow' has others.")
        super().__init__(scale, crop_ratio_range, aspect_ratio_range, max_attempts, interpolation,
                         backend='torch')
        self.log_ratios = [math.log(ratio) for ratio in aspect_ratio_range]
        self.centre = RandomResizedCrop(scale, crop_ratio_range, aspect_ratio_range,
                                        max_attempts=0)

    def transform(self, results: dict) -> dict:
        top, left, height, width = self.random_box(*results['img'].shape[:2])
        crop = results['img'][top:top + height, left:left + width]
        results['img'] = resize(crop, self.scale, self.interpolation)
        results['img_shape'] = results['img'].shape
        return results

    @cache_randomness
    def random_box(self, height: int, width: int) -> Tuple[int, int, int, int]:
        """Top, left, height and width of mmpretrain's ``rand_crop_params``, number by number.

        numpy's ``uniform``, which it calls, takes several times as long as one random number.
        """
        least, most = self.crop_ratio_range
        narrow, wide = self.log_ratios
        for _ in range(self.max_attempts):
            area = (least + (most - least) * np.random.random_sample()) * (height * width)
            ratio = math.exp(narrow + (wide - narrow) * np.random.random_sample())
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                return np.random.randint(height - h + 1), np.random.randint(width - w + 1), h, w
        return self.centre.rand_crop_params(np.broadcast_to(np.uint8(0), (height, width)))


def resize(image: np.ndarray, size: Tuple[int, int], interpolation: str) -> np.ndarray:
    """An antialiased resize of (H, W, 3) uint8 to (h, w, 3), a view of planes (3, h, w)."""
    step = -1 if image.strides[2] < 0 else 1  # BGR as a view of RGB: the planes are reversed later
    pixels = resize_pixels(image[..., ::step], size, interpolation)
    return pixels.permute(2, 0, 1).contiguous().permute(1, 2, 0).numpy()[..., ::step]


def resize_pixels(image: np.ndarray, size: Tuple[int, int], interpolation: str) -> torch.Tensor:
    """An antialiased resize of (H, W, 3) uint8 to (h, w, 3), its channels side by side.

    Pillow's filters. Its weights have 22 bits, torch's 15, which moves about 1 value in 100 by 1.
    """
    # [None] before permuting: only then do the strides say channels-last, as the result's then do
    batch = torch.from_numpy(np.ascontiguousarray(image))[None].permute(0, 3, 1, 2)
    resized = F.interpolate(batch, tuple(size), mode=interpolation, antialias=True)
    return resized.permute(0, 2, 3, 1)[0]
