"""A pipeline that draws first and makes pixels later: JPEGs stay coded, crops and flips are drawn.

``collate_decoded`` makes the pixels, once all of a batch is drawn: Python that runs between one
decoding and the next, which empties the caches, takes twice as long. With ``collate_coded`` it is
the device that makes them. Flips are the device's in any case (``DecodingDataPreprocessor``).

What a device might not read, or read in another way, is decoded and cropped at once: all but whole,
upright, baseline YCbCr JPEGs. The random numbers, and with them boxes, flips and masks, are those
of ``LoadRGBImage``, ``AntialiasedResizedCrop`` and ``RandomHorizontalFlip``.
"""

from io import BytesIO
from typing import Optional, Sequence, Tuple

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS
from PIL import ExifTags

from .cropping import AntialiasedResizedCrop
from .flipping import RandomHorizontalFlip
from .jpeg_header import read_jpeg_header
from .loading import LoadRGBImage
from .opening import MAX_PIXELS, open_image, read_image_file
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
            content = read_image_file(results['img_path'], self.backend_args)
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
    header = read_jpeg_header(content)
    plain = (header is not None and header.baseline and header.components == b'\1\2\3'
             and header.adobe_transform == 1 and content.endswith(END_OF_IMAGE)
             and 0 < header.height * header.width <= MAX_PIXELS
             and (not header.annotated or _is_upright(content)))
    return (header.height, header.width) if plain else None


def _is_upright(content: bytes) -> bool:
    with open_image(BytesIO(content)) as image:
        return image.getexif().get(ExifTags.Base.Orientation, 1) in (0, 1)


@TRANSFORMS.register_module()
class CodedResizedCrop(AntialiasedResizedCrop):
    """``AntialiasedResizedCrop`` of ``img``, or its box as ``crop`` for the ``coded`` image.

    ``crop`` is (top, left, height, width) in px, the size (h, w) to come, and the interpolation.
    """

    def transform(self, results: dict) -> dict:
        if 'coded' not in results:
            return super().transform(results)
        box = self.random_box(*results['img_shape'])
        results['crop'] = (box, tuple(self.scale), self.interpolation)
        results['img_shape'] = tuple(self.scale)
        return results


@TRANSFORMS.register_module()
class CodedCrops(BaseTransform):
    """A crop for each view of an image, which is decoded once; all else is left to the device.

    What ``CodedResizedCrop`` does for one crop: ``img`` becomes a list, or ``crops`` the boxes of
    the ``coded`` image. ``seed`` is drawn after them, of whatever is to be drawn for this image
    when its views are made (``CropViewDataPreprocessor``).

    Args:
        crops: arguments of ``AntialiasedResizedCrop``, one dict for each view, with one ``scale``.
    """

    def __init__(self, crops: Sequence[dict]) -> None:
        self.crops = [CodedResizedCrop(**crop) for crop in crops]

    def transform(self, results: dict) -> dict:
        views = [crop.transform(dict(results)) for crop in self.crops]
        if 'coded' in results:
            results['crops'] = [view['crop'] for view in views]
        else:
            results['img'] = [view['img'] for view in views]
        results.update(img_shape=views[0]['img_shape'], seed=self.draw_seed())
        return results

    @staticmethod
    def draw_seed() -> int:
        return int(np.random.randint(2**62, dtype=np.int64))


@TRANSFORMS.register_module()
class CodedFlip(RandomHorizontalFlip):
    """Draws ``flip``, whether to mirror the image, and leaves that to the device.

    Args:
        prob: of the flip.
    """

    _methods_with_randomness = []  # a list of its own: mmcv adds to what is inherited

    def _flip(self, results: dict) -> None:
        pass


@TRANSFORMS.register_module()
class PackCodedInputs(PackPlanes):
    """mmpretrain's ``PackInputs``: ``coded`` (bytes,), or ``img`` in RGB, as inputs.

    ``img`` is (3, h, w), or (V, 3, h, w) of ``CodedCrops``.

    What is left to be done to an image goes into its sample.

    Args:
        meta_keys: what else goes there.
    """

    def __init__(self, meta_keys: Sequence[str] = ('img_path', )) -> None:
        super().__init__(meta_keys=(*meta_keys, 'crop', 'crops', 'seed', 'flip', 'img_shape'))

    def transform(self, results: dict) -> dict:
        if 'coded' in results:
            results['img'] = results['coded']
            return super().transform(results)
        if not isinstance(results['img'], list):
            results['img'] = results['img'][..., ::-1]
            return super().transform(results)
        results['img'] = [crop[..., ::-1] for crop in results['img']]
        packed = super().transform(results)
        return dict(packed, inputs=torch.stack(packed['inputs']))
