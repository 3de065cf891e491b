from typing import List

import torch
from mmpretrain.models.utils import SelfSupDataPreprocessor
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

__all__ = ['MimCoDataPreprocessor']


@MODELS.register_module()
class MimCoDataPreprocessor(SelfSupDataPreprocessor):
    """mmpretrain's preprocessor, with fewer copies to the device, and none that is waited for.

    The stock one copies the mask of every sample by itself, and for each view a list of channels.
    MimCo batches the masks, and finds the masked positions, on the host, and sends both in one copy
    each: the data samples stay there.

    Args:
        send_samples: send the samples all the same, the masks of a batch in one copy, as
            mmpretrain's SimMIM expects it.
        **kwargs: those of mmpretrain's SelfSupDataPreprocessor.
    """

    def __init__(self, send_samples: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.send_samples = send_samples

    def forward(self, data: dict, training: bool = False, rgb: bool = False) -> dict:
        """Normalise images (B, 3, h, w), or a list of such, that come in BGR unless ``rgb``."""
        inputs, samples = self.cast_data(data['inputs']), data['data_samples']
        reverse = self._channel_conversion != rgb
        inputs = ([self.normalised(view, reverse) for view in inputs]
                  if isinstance(inputs, list) else self.normalised(inputs, reverse))
        samples = self.sent(samples) if self.send_samples else samples
        return dict(inputs=inputs, data_samples=samples)

    def normalised(self, images: torch.Tensor, reverse: bool) -> torch.Tensor:
        """Images (B, 3, h, w) as networks want them, with their channels in reverse or not."""
        images = (images.flip(1) if reverse else images).float()
        return (images - self.mean) / self.std if self._enable_normalize else images

    def sent(self, samples: List[DataSample]) -> List[DataSample]:
        """Copies of the samples on the device."""
        masks = [sample.mask for sample in samples if 'mask' in sample]
        masks = iter(self.cast_data(torch.stack(masks)) if masks else ())
        copies = [sample.new() for sample in samples]
        for sample in copies:
            for key, value in sample.items():
                value = next(masks) if key == 'mask' else self.cast_data(value)
                sample.set_field(value, key)
        return copies
