"""Batches of what the transforms of ``transforms/coded.py`` have packed."""

from typing import Dict, List

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

    One tensor a batch: a list of them would keep as many files open between the processes.
    """
    inputs = [sample['inputs'].flatten() for sample in samples]
    return dict(
        inputs=dict(content=torch.cat(inputs), sizes=torch.tensor([len(one) for one in inputs])),
        data_samples=[sample['data_samples'] for sample in samples])


@FUNCTIONS.register_module()
def collate_decoded(samples: List[dict]) -> dict:
    """A batch whose ``inputs`` are ``pixels`` (B, h, w, 3), uint8, RGB, each written there once.

    The images are those of ``LoadRGBImage`` and ``AntialiasedResizedCrop``. One that cannot be
    decoded after all, though header and end of its file are whole, is replaced by the next one of
    the batch, whose sample then names it (``broken_images``).

    Raises:
        RuntimeError: none of them can be decoded.
    """
    pixels, broken = None, {}
    data_samples = [sample['data_samples'] for sample in samples]
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
    return dict(inputs=dict(pixels=pixels), data_samples=data_samples)


def decoded(inputs: torch.Tensor, sample: DataSample) -> torch.Tensor:
    """Pixels (h, w, 3) of what ``PackCodedInputs`` has packed: bytes, or pixels (3, h, w)."""
    if inputs.ndim == 3:
        return inputs.permute(1, 2, 0)
    (top, left, height, width), size, interpolation = sample.crop
    with image_errors():
        image = decode_jpeg_strictly(inputs)
        if image is None:
            image = decode_by_pillow(inputs.numpy().tobytes())
    return resize_pixels(image[top:top + height, left:left + width], size, interpolation)


def replace_broken(pixels: torch.Tensor, samples: List[DataSample], broken: Dict[int, str]) -> None:
    """Put the next whole image of the batch, after the last the first, in each broken one's place.

    Args:
        pixels: (B, h, w, 3).
        samples: of the images.
        broken: {row: why it cannot be decoded}.
    """
    whole = [row for row in range(len(samples)) if row not in broken]
    for row, reason in broken.items():
        other = next((other for other in whole if other > row), whole[0])
        names = {**samples[row].get('broken_images', {}), samples[row].img_path: reason}
        pixels[row], samples[row] = pixels[other], samples[other].clone()
        samples[row].set_field(names, 'broken_images', field_type='metainfo')
