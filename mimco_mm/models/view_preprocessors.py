from typing import List, Optional, Sequence

import torch
from mmengine.structures import BaseDataElement
from mmpretrain.models.utils import ClsDataPreprocessor
from mmpretrain.registry import MODELS, TRANSFORMS

from ..datasets.batched_views import BatchedMask, BatchedTransform, Streams
from ..errors import ConfigError
from .preprocessors import MimCoDataPreprocessor

__all__ = ['ViewClsDataPreprocessor', 'ViewDataPreprocessor']


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
        if isinstance(data['inputs'], dict):
            streams = Streams(data['inputs']['seed'])
            pixels = data['inputs']['pixels'].to(self.device, non_blocking=True).float()
            # from RGB to BGR, in which mmpretrain's preprocessors expect images
            views = [self.view(pixels, transforms, streams).flip(1) for transforms in self.views]
            if self.mask is not None:
                self.add_masks(data['data_samples'], self.mask(streams))
            data = dict(data, inputs=views if len(views) > 1 else views[0])
        return super().forward(data, training)

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

    def add_masks(self, samples: Sequence[BaseDataElement], masks: torch.Tensor) -> None:
        if self.send_samples:
            masks = masks.to(self.device, non_blocking=True)
        super().add_masks(samples, masks)

    def sent(self, samples: Sequence[BaseDataElement]) -> Sequence[BaseDataElement]:
        """The samples, whose masks are there already."""
        return samples


@MODELS.register_module()
class ViewClsDataPreprocessor(ViewMaker, ClsDataPreprocessor):
    """``ViewMaker`` for classifiers."""
