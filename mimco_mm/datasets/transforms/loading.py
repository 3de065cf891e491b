from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any, Optional

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmpretrain.registry import TRANSFORMS
from PIL import Image, ImageOps
from torchvision.io import decode_jpeg

from ...errors import UserError
from ...names import printable
from .jpeg_header import read_jpeg_header
from .pixel_types import to_rgb


class BrokenImageError(UserError, OSError):
    """An image that cannot be read or decoded."""


@TRANSFORMS.register_module()
class LoadRGBImage(BaseTransform):
    """Load ``img`` (H, W, 3), uint8, in BGR as mmpretrain's transforms expect it.

    Strictly, where OpenCV fills the rest of a cut JPEG with grey. Grey, palette, RGBA and CMYK
    images come out with three channels, upright by their EXIF tag; grey of 12, 16 or 32 bits, of
    any sign, and floats are scaled to 8 bits, where Pillow and mmcv would clip them (``to_rgb``).

    Most JPEGs are decoded by torchvision, which is as strict as Pillow and has the same
    libjpeg-turbo, hence the same pixels, with fewer copies. Pillow does all others, and whatever
    torchvision refuses.

    Args:
        backend_args: of mmengine's file client, for images that are not on a disk.

    Raises:
        BrokenImageError: the image cannot be read or decoded, whatever the decoder's own error.
    """

    def __init__(self, backend_args: Optional[dict] = None) -> None:
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        with image_errors():
            content = fileio.get(results['img_path'], backend_args=self.backend_args)
            results['img'] = decode(content)[..., ::-1]
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results


class image_errors(AbstractContextManager):
    """Turns whatever reading and decoding an image raise into a ``BrokenImageError``."""

    def __exit__(self, kind: Any, error: Optional[BaseException], trace: Any) -> None:
        # decoders raise OSError, SyntaxError, ValueError, struct.error
        if isinstance(error, Exception) and not isinstance(error, MemoryError):
            raise BrokenImageError(f'{kind.__name__}: {printable(error)}') from error


def decode(content: bytes) -> np.ndarray:
    """Pixels (H, W, 3), uint8, RGB, of an image file's content."""
    header = read_jpeg_header(content)
    pixels = None
    if header is not None and not header.annotated:
        pixels = decode_jpeg_strictly(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    return decode_by_pillow(content) if pixels is None else pixels


def decode_jpeg_strictly(coded: torch.Tensor) -> Optional[np.ndarray]:
    """None where Pillow must judge: other colours than RGB and grey, or any error."""
    try:
        planes = decode_jpeg(coded)
    except RuntimeError:
        return None
    if len(planes) == 1:
        planes = planes.repeat(3, 1, 1)
    return planes.permute(1, 2, 0).numpy() if len(planes) == 3 else None


def decode_by_pillow(content: bytes) -> np.ndarray:
    with Image.open(BytesIO(content)) as image:
        ImageOps.exif_transpose(image, in_place=True)
        return np.array(to_rgb(image))
