from io import BytesIO
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmpretrain.registry import TRANSFORMS
from PIL import Image, ImageOps


class BrokenImageError(OSError):
    """An image that cannot be read or decoded."""


@TRANSFORMS.register_module()
class LoadRGBImage(BaseTransform):
    """Load ``img`` (H, W, 3), uint8, in BGR as mmpretrain's transforms expect it.

    By Pillow, which is strict where OpenCV fills the rest of a cut JPEG with grey. Grey, palette,
    RGBA and CMYK images come out with three channels, upright by their EXIF tag; 16 bits of grey
    are scaled to 8, where Pillow and mmcv would clip them to white.

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
            with Image.open(BytesIO(content)) as image:
                results['img'] = self.to_bgr(image)
        except MemoryError:
            raise
        except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error
            reason = str(error).replace('\n', ' ')
            raise BrokenImageError(f'{type(error).__name__}: {reason}') from error
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results

    @staticmethod
    def to_bgr(image: Image.Image) -> np.ndarray:
        if image.mode.startswith('I;16'):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        ImageOps.exif_transpose(image, in_place=True)
        return np.array(image if image.mode == 'RGB' else image.convert('RGB'))[..., ::-1]
