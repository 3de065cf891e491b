from io import BytesIO
from typing import Optional

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS
from PIL import ImageOps
from torchvision.io import decode_jpeg

from .jpeg_header import read_jpeg_header
from .opening import check_pixels, image_errors, open_image, read_image_file
from .pixel_types import to_rgb


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
        BrokenImageError: the image cannot be read or decoded, whatever the decoder's own error, or
            is too large (``opening.MAX_PIXELS``).
    """

    def __init__(self, backend_args: Optional[dict] = None) -> None:
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        with image_errors():
            content = read_image_file(results['img_path'], self.backend_args)
            results['img'] = decode(content)[..., ::-1]
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results


def decode(content: bytes) -> np.ndarray:
    """Pixels (H, W, 3), uint8, RGB, of an image file's content."""
    header = read_jpeg_header(content)
    pixels = None
    if header is not None and not header.annotated:
        check_pixels(header.width, header.height)
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
    with open_image(BytesIO(content)) as image:
        ImageOps.exif_transpose(image, in_place=True)
        return np.array(to_rgb(image))
