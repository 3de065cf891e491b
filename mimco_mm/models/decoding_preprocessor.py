import logging
from typing import List

import torch
from mmengine.logging import print_log
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.nn import functional as F
from torchvision.io import ImageReadMode, decode_jpeg

from .preprocessors import MimCoDataPreprocessor

__all__ = ['DecodingDataPreprocessor']


@MODELS.register_module()
class DecodingDataPreprocessor(MimCoDataPreprocessor):
    """Decodes, crops, resizes and flips a batch on the device, then normalises it.

    JPEGs are decoded by torchvision: by nvJPEG on a CUDA device, by libjpeg-turbo on the host of
    any other. What is drawn for each image comes with its sample (``CodedResizedCrop``,
    ``CodedFlip``), and images that come as pixels are cropped already.

    Args:
        to_rgb: whether the model sees RGB, which is what is decoded, or BGR.
        **kwargs: those of mmpretrain's SelfSupDataPreprocessor.
    """

    def __init__(self, to_rgb: bool = False, **kwargs) -> None:
        super().__init__(rgb_to_bgr=not to_rgb, **kwargs)

    def forward(self, data: dict, training: bool = False) -> dict:
        samples = data['data_samples']
        inputs = self.images(data['inputs'], samples)
        return super().forward(dict(inputs=inputs, data_samples=samples), training)

    def images(self, inputs: dict, samples: List[DataSample]) -> torch.Tensor:
        """(B, 3, h, w), float32, 0 to 255, of a batch by ``collate_coded``."""
        contents = inputs['content'].split(inputs['sizes'].tolist())
        coded = [row for row, sample in enumerate(samples) if 'crop' in sample]
        decoded = dict(zip(coded, self.decode([contents[row] for row in coded],
                                              [samples[row].img_path for row in coded])))
        batch = torch.stack([
            resized_crop(decoded[row], *sample.crop) if row in decoded else
            contents[row].view(3, *sample.img_shape[:2]).to(self.device).float()
            for row, sample in enumerate(samples)])
        flips = torch.tensor([sample.flip for sample in samples]).to(self.device)
        return torch.where(flips.view(-1, 1, 1, 1), batch.flip(-1), batch)

    def decode(self, contents: List[torch.Tensor], paths: List[str]) -> List[torch.Tensor]:
        """Images (3, H, W), uint8, RGB, on the device.

        The host decodes a batch that the device refuses, and this is logged.

        Raises:
            RuntimeError: the host refuses one as well; the message names it.
        """
        if self.device.type == 'cuda' and contents:
            try:
                return decode_jpeg(contents, ImageReadMode.RGB, self.device)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                print_log(f'{self.device} cannot decode a batch ({error}): the host does.',
                          'current', logging.WARNING)
        return [decode_on_host(*each).to(self.device) for each in zip(contents, paths)]


def decode_on_host(content: torch.Tensor, path: str) -> torch.Tensor:
    """An image (3, H, W), uint8, RGB."""
    try:
        return decode_jpeg(content, ImageReadMode.RGB)
    except RuntimeError as error:
        raise RuntimeError(
            f'{path} cannot be decoded ({error}). Header and end of the file are whole, so that '
            'it was not found when it was read: restore or remove it. '
            'configs/_base_/datasets/imagenet_mimco.py replaces such images.') from error


def resized_crop(image: torch.Tensor, box: tuple, size: tuple, interpolation: str) -> torch.Tensor:
    """The box (top, left, height, width) of (3, H, W), resized with antialiasing: (3, h, w).

    Float32, as CUDA has no such resize of integers; not rounded.
    """
    top, left, height, width = box
    crop = image[None, :, top:top + height, left:left + width].float()
    resized = F.interpolate(crop, size, mode=interpolation, antialias=True)
    return resized[0].clamp(0, 255)  # bicubic overshoots
