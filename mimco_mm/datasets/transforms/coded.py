"""A pipeline that leaves the pixels to the device: JPEGs stay coded, crops and flips are drawn.

``DecodingDataPreprocessor`` carries out what is drawn here. What its decoder might not read, or
read in another way, is decoded and cropped here after all: all but whole, upright, baseline YCbCr
JPEGs. The random numbers, and with them boxes, flips and masks, are those of the usual pipeline.
"""

from io import BytesIO
from typing import List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine import fileio
from mmengine.registry import FUNCTIONS
from mmpretrain.datasets.transforms import RandomFlip
from mmpretrain.registry import TRANSFORMS
from PIL import ExifTags, Image

from .cropping import AntialiasedResizedCrop
from .loading import LoadRGBImage
from .packing import PackPlanes

END_OF_IMAGE = b'\xff\xd9'


@TRANSFORMS.register_module()
class LoadCodedImage(LoadRGBImage):
    """Read ``coded`` (bytes,), uint8, where the device can decode it, else load ``img``.

    A cut file lacks the end marker, and is left to ``LoadRGBImage`` as well.

    Raises:
        BrokenImageError: the image cannot be read, or needs decoding here and cannot be decoded.
    """

    def transform(self, results: dict) -> dict:
        try:
            content = fileio.get(results['img_path'], backend_args=self.backend_args)
            shape = device_decodable(content)
        except Exception:  # LoadRGBImage finds the same, and says what it is
            shape = None
        if shape is None:
            return super().transform(results)
        results['coded'] = np.frombuffer(bytearray(content), np.uint8)
        results['img_shape'] = results['ori_shape'] = shape
        return results


def device_decodable(content: bytes) -> Optional[Tuple[int, int]]:
    """Height and width, from the header, of a JPEG that every decoder reads alike, or None."""
    with Image.open(BytesIO(content)) as image:
        plain = (image.format == 'JPEG' and content.endswith(END_OF_IMAGE)
                 and 'progressive' not in image.info
                 and [component[0] for component in image.layer] == [1, 2, 3]
                 and image.info.get('adobe_transform', 1) == 1  # 0: RGB
                 and image.getexif().get(ExifTags.Base.Orientation, 1) in (0, 1))
        return (image.height, image.width) if plain else None


@TRANSFORMS.register_module()
class CodedResizedCrop(AntialiasedResizedCrop):
    """``AntialiasedResizedCrop`` of ``img``, or its box as ``crop`` for the ``coded`` image.

    ``crop`` is (top, left, height, width) in px, the size (h, w) to come, and the interpolation.
    """

    def transform(self, results: dict) -> dict:
        if 'coded' not in results:
            return super().transform(results)
        box = self.rand_crop_params(np.broadcast_to(np.uint8(0), results['img_shape']))
        results['crop'] = (box, tuple(self.scale), self.interpolation)
        results['img_shape'] = tuple(self.scale)
        return results


@TRANSFORMS.register_module()
class CodedFlip(RandomFlip):
    """Draws ``flip``, whether to mirror the image, and leaves that to the device.

    Args:
        prob: of the flip.
    """

    def __init__(self, prob: float) -> None:
        super().__init__(prob=prob)

    def _flip(self, results: dict) -> None:
        pass


@TRANSFORMS.register_module()
class PackCodedInputs(PackPlanes):
    """mmpretrain's ``PackInputs``: ``coded`` (bytes,), or ``img`` in RGB (3, h, w), as inputs.

    What ``DecodingDataPreprocessor`` has to know of an image goes into its sample.

    Args:
        meta_keys: what else goes there.
    """

    def __init__(self, meta_keys: Sequence[str] = ('img_path', )) -> None:
        super().__init__(meta_keys=(*meta_keys, 'crop', 'flip', 'img_shape'))

    def transform(self, results: dict) -> dict:
        results['img'] = results['coded'] if 'coded' in results else results['img'][..., ::-1]
        return super().transform(results)


@FUNCTIONS.register_module()
def collate_coded(samples: List[dict]) -> dict:
    """A batch whose ``inputs`` are ``content``, all bytes in one, and ``sizes`` (B,) in bytes.

    One tensor a batch: a list of them would keep as many files open between the processes.
    """
    inputs = [sample['inputs'].flatten() for sample in samples]
    return dict(
        inputs=dict(content=torch.cat(inputs), sizes=torch.tensor([len(one) for one in inputs])),
        data_samples=[sample['data_samples'] for sample in samples])
