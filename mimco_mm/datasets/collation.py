"""Batches of what the transforms of ``transforms/coded.py`` have packed."""

from typing import Dict, List

import numpy as np
import torch
from mmengine.registry import FUNCTIONS
from mmpretrain.structures import DataSample

from ..errors import DataError
from ..names import printable
from .transforms import BrokenImageError
from .transforms.cropping import resize_pixels
from .transforms.loading import decode_by_pillow, decode_jpeg_strictly
from .transforms.opening import image_errors


@FUNCTIONS.register_module()
def collate_coded(samples: List[dict]) -> dict:
    """A batch whose ``inputs`` are ``content``, all bytes in one, and ``sizes`` (B,) in bytes.

    One tensor a batch: a list of them would keep as many files open between the processes. Of
    samples by ``CodedCrops`` there is ``seed`` (B,), int64, besides.
    """
    inputs = [sample['inputs'].flatten() for sample in samples]
    data_samples = [sample['data_samples'] for sample in samples]
    sizes = torch.tensor([len(one) for one in inputs])
    return dict(inputs=dict(content=torch.cat(inputs), sizes=sizes, **seeds(data_samples)),
                data_samples=data_samples)


@FUNCTIONS.register_module()
def collate_decoded(samples: List[dict]) -> dict:
    """A batch whose ``inputs`` are ``pixels`` (B, h, w, 3), uint8, RGB, each written there once.

    Of samples by ``CodedCrops`` they are (B, V, h, w, 3), and ``seed`` (B,), int64, besides. The
    images are those of ``LoadRGBImage`` and ``AntialiasedResizedCrop``. One that cannot be
    decoded after all, though header and end of its file are whole, is replaced by the next one of
    the batch, whose sample then names it (``broken_images``).

    Raises:
        RuntimeError: none of them can be decoded.
    """
    pixels, broken = None, {}
    data_samples = [sample['data_samples'] for sample in samples]
    own_seeds = seeds(data_samples)
    for row, sample in enumerate(samples):
        try:
            image = decoded(sample['inputs'], data_samples[row])
        except BrokenImageError as error:
            broken[row] = str(error)
            continue
        if pixels is None:
            pixels = torch.empty(len(samples), *image.shape, dtype=torch.uint8)
        pixels[row] = image
    if pixels is None:
        raise DataError(
            f'None of the {len(samples)} images of a batch can be decoded, the first is '
            f'{printable(data_samples[0].img_path)} ({broken[0]}). Look where `--data` '
            '(`train_dataloader.dataset.dataset.data_root`) leads.')
    replace_broken(pixels, data_samples, broken)
    return dict(inputs=dict(pixels=pixels, **own_seeds), data_samples=data_samples)


def seeds(samples: List[DataSample]) -> Dict[str, torch.Tensor]:
    return ({'seed': torch.tensor([sample.seed for sample in samples])}
            if all('seed' in sample for sample in samples) else {})


def decoded(inputs: torch.Tensor, sample: DataSample) -> torch.Tensor:
    """Pixels (h, w, 3), or (V, h, w, 3), of what ``PackCodedInputs`` has packed."""
    if inputs.ndim > 1:
        return inputs.movedim(-3, -1)
    with image_errors():
        image = decode_jpeg_strictly(inputs)
        if image is None:
            image = decode_by_pillow(inputs.numpy().tobytes())
    if 'crops' not in sample:
        return cropped(image, *sample.crop)
    return torch.stack([cropped(image, *crop) for crop in sample.crops])


def cropped(image: np.ndarray, box: tuple, size: tuple, interpolation: str) -> torch.Tensor:
    top, left, height, width = box
    return resize_pixels(image[top:top + height, left:left + width], size, interpolation)


def replace_broken(pixels: torch.Tensor, samples: List[DataSample], broken: Dict[int, str]) -> None:
    """Put the next whole image of the batch, after the last the first, in each broken one's place.

    Args:
        pixels: (B, ..., h, w, 3).
        samples: of the images.
        broken: {row: why it cannot be decoded}.
    """
    whole = [row for row in range(len(samples)) if row not in broken]
    for row, reason in broken.items():
        other = next((other for other in whole if other > row), whole[0])
        names = {**samples[row].get('broken_images', {}), samples[row].img_path: reason}
        pixels[row], samples[row] = pixels[other], samples[other].clone()
        samples[row].set_field(names, 'broken_images', field_type='metainfo')
