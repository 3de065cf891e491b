from typing import List, Optional, Sequence

import numpy as np
import torch
from mmengine.logging import print_log
from mmpretrain.registry import DATASETS
from mmpretrain.structures import DataSample

from ..errors import DataError
from ..names import sized
from .batched_views import image_seeds
from .resilient_dataset import ResilientDataset


@DATASETS.register_module()
class ImagesInMemory(ResilientDataset):
    """``ResilientDataset`` that reads every image once and keeps its pixels, undisturbed.

    For small images of one size. A sample has ``inputs``, a dict of ``pixels`` (3, H, W), uint8,
    RGB, and ``seed``, int64, of (seed, epoch, index), from which ``ViewDataPreprocessor`` draws the
    views that it makes of a batch on the device that trains.

    Args:
        **kwargs: those of ``ResilientDataset``; the pipeline of its dataset loads and packs an
            image, without anything random.

    Raises:
        DataError: the images differ in size.
    """

    pixels: Optional[torch.Tensor] = None
    samples: List[DataSample]

    def full_init(self) -> None:
        super().full_init()
        if self.pixels is not None:
            return
        for index in range(len(self)):
            sample = self._first_readable(index)
            image = sample['inputs'].flip(0)  # from BGR
            if self.pixels is None:
                self.pixels = torch.empty(len(self), *image.shape, dtype=torch.uint8)
                self.samples = []
            if image.shape != self.pixels.shape[1:]:
                raise DataError(
                    f'Images that are kept in memory have one size, {self._size(self.pixels[0])}, '
                    f'but {sample["data_samples"].img_path} has {self._size(image)}: add '
                    "dict(type='Resize', scale=(WIDTH, HEIGHT)) to the pipeline of the config's "
                    '`train_dataloader.dataset.dataset`; for photographs take a config of '
                    'configs/pretrain.')
            self.pixels[index] = image
            self.samples.append(sample['data_samples'])
        print_log(f'{len(self)} images are kept in memory: '
                  f'{sized(self.pixels.numel())}.', 'current')

    def __getitems__(self, indices: Sequence[int]) -> List[dict]:
        self.full_init()
        seed, epoch = self.seed_and_epoch.tolist()
        if epoch < 0:  # nobody has told the epoch: the dataloader's random numbers
            seeds = torch.randint(2**62, (len(indices), ))
        else:
            seeds = torch.from_numpy(image_seeds(seed, epoch, np.array(indices)))
        return [dict(inputs=dict(pixels=self.pixels[index], seed=own_seed),
                     data_samples=self.samples[index].clone())
                for index, own_seed in zip(indices, seeds)]

    def _seed_sample(self, index: int) -> None:
        """Nothing is random in what is kept."""

    @staticmethod
    def _size(image: torch.Tensor) -> str:
        return f'{image.shape[2]} x {image.shape[1]} px'
