from io import BytesIO
from typing import Optional

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmpretrain.registry import TRANSFORMS
from PIL import Image, ImageOps
from torchvision.io import decode_jpeg

START_OF_IMAGE, START_OF_SCAN, APP1 = b'\xff\xd8', b'\xff\xda', b'\xff\xe1'


class BrokenImageError(OSError):
    """An image that cannot be read or decoded."""


@TRANSFORMS.register_module()
class LoadRGBImage(BaseTransform):
    """Load ``img`` (H, W, 3), uint8, in BGR as mmpretrain's transforms expect it.

    Strictly, where OpenCV fills the rest of a cut JPEG with grey. Grey, palette, RGBA and CMYK
    images come out with three channels, upright by their EXIF tag; 16 bits of grey are scaled to
    8, where Pillow and mmcv would clip them to white.

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
        try:
            content = fileio.get(results['img_path'], backend_args=self.backend_args)
            results['img'] = self.decode(content)[..., ::-1]
        except MemoryError:
            raise
        except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error
            reason = str(error).replace('\n', ' ')
            raise BrokenImageError(f'{type(error).__name__}: {reason}') from error
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results

    @staticmethod
    def decode(content: bytes) -> np.ndarray:
        """Pixels (H, W, 3), uint8, RGB, of an image file's content."""
        pixels = _decode_plain_jpeg(content) if _is_plain_jpeg(content) else None
        return _decode_by_pillow(content) if pixels is None else pixels


def _is_plain_jpeg(content: bytes) -> bool:
    """Without the segment that EXIF and XMP use, in which an orientation may be."""
    if not content.startswith(START_OF_IMAGE):
        return False
    place = 2
    while (marker := content[place:place + 2]) != START_OF_SCAN:
        if marker == APP1 or not marker.startswith(b'\xff'):
            return False
        place += 2 + int.from_bytes(content[place + 2:place + 4], 'big')
    return True


def _decode_plain_jpeg(content: bytes) -> Optional[np.ndarray]:
    """None where Pillow must judge: other colours than RGB and grey, or any error."""
    coded = torch.frombuffer(bytearray(content), dtype=torch.uint8)  # torch warns of bytes
    try:
        planes = decode_jpeg(coded)
    except RuntimeError:
        return None
    if len(planes) == 1:
        planes = planes.repeat(3, 1, 1)
    return planes.permute(1, 2, 0).numpy() if len(planes) == 3 else None


def _decode_by_pillow(content: bytes) -> np.ndarray:
    with Image.open(BytesIO(content)) as image:
        if image.mode.startswith('I;16'):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        ImageOps.exif_transpose(image, in_place=True)
        return np.array(image if image.mode == 'RGB' else image.convert('RGB'))
