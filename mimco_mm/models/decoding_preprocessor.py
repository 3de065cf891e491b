import logging
import re
from typing import List, Tuple

import torch
from mmengine.logging import print_log
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.nn import functional as F
from torchvision.io import ImageReadMode, decode_jpeg

from ..errors import DataError
from ..names import printable
from .preprocessors import MimCoDataPreprocessor

__all__ = ['DecodingDataPreprocessor']

# What torchvision says of an image that nvJPEG does not take: corrupt, not supported or cut short.
# A device in error may say "execution failed" (6) too; it fails again where the host's image is
# sent. Memory that is lacking, and CUDA's own errors, come as RuntimeError under other words.
REFUSAL = re.compile(r'(Failed to (get image info|parse jpeg stream|decode \w+( stream)?): '
                     r'(3|4|6|9|10)\b|Unknown chroma subsampling|not compiled with nvJPEG)')


@MODELS.register_module()
class DecodingDataPreprocessor(MimCoDataPreprocessor):
    """Carries out on the device what is drawn for a batch and not done yet, then normalises it.

    Of a batch by ``collate_decoded`` that is the flip. One by ``collate_coded`` is first decoded,
    cropped and resized: by nvJPEG, through torchvision, on a CUDA device, by libjpeg-turbo on the
    host of any other. What is drawn for an image comes with its sample (``CodedResizedCrop``,
    ``CodedFlip``). Any other batch, for example of images to be judged, is treated as mmpretrain's
    preprocessor does.

    Attributes:
        refused: images that the device did not take, and the host has decoded.
    """

    refused = 0

    def forward(self, data: dict, training: bool = False) -> dict:
        if not isinstance(data['inputs'], dict):
            return super().forward(data, training)
        inputs, samples = data['inputs'], data['data_samples']
        images = self.cropped(inputs, samples).contiguous()
        flips = torch.tensor([sample.get('flip', False) for sample in samples])
        flips = flips.view(-1, 1, 1, 1).to(self.device, non_blocking=True)
        images = torch.where(flips, images.flip(-1), images)
        return super().forward(dict(inputs=images, data_samples=samples), training, rgb=True)

    def cropped(self, inputs: dict, samples: List[DataSample]) -> torch.Tensor:
        """Crops (B, 3, h, w), or (B, V, 3, h, w) by ``CodedCrops``, RGB, on the device."""
        if 'pixels' not in inputs:
            return self.decoded(inputs, samples)
        return inputs['pixels'].to(self.device, non_blocking=True).movedim(-1, -3)

    def decoded(self, inputs: dict, samples: List[DataSample]) -> torch.Tensor:
        """The same of a batch by ``collate_coded``, float32."""
        contents = inputs['content'].split(inputs['sizes'].tolist())
        coded = [row for row, sample in enumerate(samples)
                 if 'crop' in sample or 'crops' in sample]
        decoded = dict(zip(coded, self.decode([contents[row] for row in coded],
                                              [samples[row].img_path for row in coded])))
        return torch.stack([
            resized_crops(decoded[row], sample) if row in decoded else
            contents[row].view(crops_shape(sample)).to(self.device).float()
            for row, sample in enumerate(samples)])

    def decode(self, contents: List[torch.Tensor], paths: List[str]) -> List[torch.Tensor]:
        """Images (3, H, W), uint8, RGB, on the device.

        The host decodes those that the device refuses, and the first of them is logged.

        Raises:
            RuntimeError: the host refuses one as well, and the message names it; or it is the
                device that fails.
        """
        if self.device.type != 'cuda' or not contents:
            return [decode_on_host(*each).to(self.device) for each in zip(contents, paths)]
        try:
            return decode_jpeg(contents, ImageReadMode.RGB, self.device)
        except RuntimeError as error:
            if not REFUSAL.search(str(error)):
                raise
            if len(contents) > 1:  # all of a batch are refused for one
                return [self.decode([content], [path])[0]
                        for content, path in zip(contents, paths)]
            if not self.refused:
                print_log(f'{self.device} cannot decode {printable(paths[0])} ({error}): the host '
                          'does, and whatever else is refused.', 'current', logging.WARNING)
            self.refused += 1
            return [decode_on_host(contents[0], paths[0]).to(self.device)]


def decode_on_host(content: torch.Tensor, path: str) -> torch.Tensor:
    """An image (3, H, W), uint8, RGB."""
    try:
        return decode_jpeg(content, ImageReadMode.RGB)
    except RuntimeError as error:
        raise DataError(
            f'{printable(path)} cannot be decoded ({error}). Header and end of the file are whole, '
            'so that it was not found when it was read: restore or remove it, or let the workers '
            'decode, who replace such images (`train_dataloader.collate_fn.type=collate_decoded`).'
        ) from error


def crops_shape(sample: DataSample) -> Tuple[int, ...]:
    """Of what the host has cropped: (-1, 3, h, w) by ``CodedCrops``, else (3, h, w)."""
    return (*((-1, ) if 'seed' in sample else ()), 3, *sample.img_shape[:2])


def resized_crops(image: torch.Tensor, sample: DataSample) -> torch.Tensor:
    """What is drawn for a sample, of its image (3, H, W): (3, h, w), or (V, 3, h, w)."""
    if 'crops' not in sample:
        return resized_crop(image, *sample.crop)
    return torch.stack([resized_crop(image, *crop) for crop in sample.crops])


def resized_crop(image: torch.Tensor, box: tuple, size: tuple, interpolation: str) -> torch.Tensor:
    """The box (top, left, height, width) of (3, H, W), resized with antialiasing: (3, h, w).

    Float32, as CUDA has no such resize of integers; not rounded.
    """
    top, left, height, width = box
    crop = image[None, :, top:top + height, left:left + width].float()
    resized = F.interpolate(crop, size, mode=interpolation, antialias=True)
    return resized[0].clamp(0, 255)  # bicubic overshoots
