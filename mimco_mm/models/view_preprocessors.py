from typing import Iterable, List, Optional, Sequence

import torch
from mmengine.structures import BaseDataElement
from mmpretrain.models.utils import ClsDataPreprocessor
from mmpretrain.registry import MODELS, TRANSFORMS

from ..datasets.batched_views import BatchedMask, BatchedTransform, Streams
from ..errors import ConfigError
from .decoding_preprocessor import DecodingDataPreprocessor
from .preprocessors import MimCoDataPreprocessor

__all__ = ['CropViewDataPreprocessor', 'ViewClsDataPreprocessor', 'ViewDataPreprocessor']


class ViewMaker:
    """What makes views, and masks, of a batch of whole images on the device that trains.

    A batch by ``ImagesInMemory`` has ``inputs``, a dict of ``pixels`` (B, 3, H, W), uint8, RGB, and
    ``seed`` (B,). Any other batch, for example of images to be judged, is left as it is.

    Args:
        views: of each view the transforms, configs of ``BatchedTransform``; the first view draws
            first.
        mask: arguments of ``BatchedMask``; None for no masks.
        **kwargs: those of the preprocessor that normalises.
    """

    def __init__(self, views: Sequence[Sequence[dict]], mask: Optional[dict] = None,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        if not views:
            raise ConfigError('`data_preprocessor.views` is empty: list the transforms of each '
                              'view, e.g. [[dict(type="BatchedFlip", prob=0.5)]].')
        self.views: List[List[BatchedTransform]] = [
            [TRANSFORMS.build(transform) for transform in view] for view in views]
        self.mask = BatchedMask(**mask) if mask else None

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalised views, (B, 3, h, w), a list of them if there are several, and samples."""
        if not isinstance(data['inputs'], dict):
            return super().forward(data, training)
        streams = Streams(data['inputs']['seed'])
        with torch.autocast(self.device.type, enabled=False):  # its types round such values
            views = [self.view(images, transforms, streams)
                     for images, transforms in zip(self.images(data), self.views)]
        if self.mask is not None:
            self.add_masks(data['data_samples'], self.mask(streams))
        return self.forward_rgb(dict(data, inputs=views if len(views) > 1 else views[0]), training)

    def images(self, data: dict) -> Iterable[torch.Tensor]:
        """What each view is made of, (B, 3, H, W), float32: all of the same images."""
        pixels = data['inputs']['pixels'].to(self.device, non_blocking=True).float()
        return [pixels] * len(self.views)

    @staticmethod
    def view(pixels: torch.Tensor, transforms: Sequence[BatchedTransform],
             streams: Streams) -> torch.Tensor:
        for transform in transforms:
            pixels = transform(pixels, streams)
        return pixels

    def add_masks(self, samples: Sequence[BaseDataElement], masks: torch.Tensor) -> None:
        for sample, mask in zip(samples, masks):
            sample.mask = mask


@MODELS.register_module()
class ViewDataPreprocessor(ViewMaker, MimCoDataPreprocessor):
    """``ViewMaker`` for pre-training.

    With ``send_samples`` (mmpretrain's SimMIM) the masks of a batch go to the device in one copy.
    """

    def forward_rgb(self, data: dict, training: bool) -> dict:
        return MimCoDataPreprocessor.forward(self, data, training, rgb=True)

    def add_masks(self, samples: Sequence[BaseDataElement], masks: torch.Tensor) -> None:
        if self.send_samples:
            masks = masks.to(self.device, non_blocking=True)
        super().add_masks(samples, masks)

    def sent(self, samples: Sequence[BaseDataElement]) -> Sequence[BaseDataElement]:
        """The samples, whose masks are there already."""
        return samples


@MODELS.register_module()
class ViewClsDataPreprocessor(ViewMaker, ClsDataPreprocessor):
    """``ViewMaker`` for classifiers, whose preprocessor expects one view, in BGR."""

    def forward_rgb(self, data: dict, training: bool) -> dict:
        return ClsDataPreprocessor.forward(self, dict(data, inputs=data['inputs'].flip(1)),
                                           training)


@MODELS.register_module()
class CropViewDataPreprocessor(ViewMaker, DecodingDataPreprocessor):
    """``ViewMaker`` of large images: the workers have cropped each for each view, or drawn how.

    Batches are those of ``CodedCrops``, by ``collate_decoded`` or ``collate_coded``. Masks, and
    the order of all that is drawn before, are the workers'.
    """

    def images(self, data: dict) -> Iterable[torch.Tensor]:
        crops = self.cropped(data['inputs'], data['data_samples'])
        if crops.ndim != 5 or crops.shape[1] != len(self.views):
            made = crops.shape[1] if crops.ndim == 5 else 1
            raise ConfigError(
                f'`data_preprocessor.views` has {len(self.views)} views, and the pipeline makes '
                f'{made} crops of an image: give CodedCrops a crop for each view.')
        for view in crops.unbind(1):
            yield view.to(torch.float32, memory_format=torch.contiguous_format)

    def forward_rgb(self, data: dict, training: bool) -> dict:
        return MimCoDataPreprocessor.forward(self, data, training, rgb=True)
