import random
from pathlib import Path
from typing import List, Optional, Sequence, Union

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmpretrain.registry import DATASETS
from torch.utils.data import get_worker_info

from ..errors import DataError
from ..names import printable
from .ignored import Ignored
from .transforms import BrokenImageError


@DATASETS.register_module()
class ResilientDataset:
    """Wraps a dataset so that broken images do not stop a run, and samples can be repeated.

    - An image that the pipeline cannot read or decode is replaced by the next one that it can; the
      sample carries the broken paths (``broken_images``), which ``BrokenImageHook`` counts.
    - From ``set_epoch`` on, which ``EpochSeedHook`` calls, the random numbers of a sample depend
      on (seed, epoch, index) alone: not on the number of workers or ranks, nor on whether the run
      was resumed. Without it they are the dataloader's, as in any other dataset.

    Args:
        dataset: config of the dataset.
        seed: of the augmentations; a run replaces it by its own (``EpochSeedHook``).
        max_broken: so many broken images in a row are an error; the folder is then at fault.
    """

    def __init__(self, dataset: Union[dict, BaseDataset], seed: int = 0,
                 max_broken: int = 100) -> None:
        self.dataset = _build(dataset) if isinstance(dataset, dict) else dataset
        self.max_broken = max_broken
        # Persistent workers keep their copy of the dataset; shared memory reaches them all.
        self.seed_and_epoch = torch.tensor([seed, -1]).share_memory_()

    @property
    def metainfo(self) -> dict:
        return self.dataset.metainfo

    @property
    def ignored(self) -> Optional[Ignored]:
        """What the listing of the images has left out; None of a dataset that lists none."""
        return getattr(self.dataset, 'ignored', None)

    @property
    def images_sha256(self) -> Optional[str]:
        """Hash of the images' names; None of a dataset that does not tell."""
        return getattr(self.dataset, 'images_sha256', None)

    def full_init(self) -> None:
        self.dataset.full_init()

    def set_epoch(self, epoch: int, seed: Optional[int] = None) -> None:
        """Choose the epoch's random numbers, in the workers too."""
        self.seed_and_epoch[1] = epoch
        if seed is not None:
            self.seed_and_epoch[0] = seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> List[dict]:
        """The samples of a batch, which torch's dataloader asks for at once."""
        # In the main process (no workers) the model draws from torch's generator as well.
        with torch.random.fork_rng(devices=[], enabled=get_worker_info() is None):
            return [self._first_readable(index) for index in indices]

    def _first_readable(self, index: int) -> dict:
        self._seed_sample(index)
        broken = {}
        for candidate in range(index, index + self.max_broken):
            candidate %= len(self)
            try:
                sample = self.dataset[candidate]
            except BrokenImageError as error:
                broken[self.dataset.get_data_info(candidate)['img_path']] = str(error)
                continue
            if broken:
                sample['data_samples'].set_field(broken, 'broken_images', field_type='metainfo')
            return sample
        path, reason = next(iter(broken.items()))
        raise DataError(
            f'{len(broken)} images in a row cannot be read, the first is {printable(path)} '
            f'({reason}). Look where '
            '`--data` (`train_dataloader.dataset.dataset.data_root`) leads.')

    def _seed_sample(self, index: int) -> None:
        seed, epoch = self.seed_and_epoch.tolist()
        if epoch < 0:
            return
        entropy = np.array((seed, epoch, index), np.uint32)  # from a tuple it takes twice as long
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        # torch.manual_seed would queue the seed for every kind of device too, in each sample anew
        torch.default_generator.manual_seed(seed)


def _build(config: dict) -> BaseDataset:
    """The dataset, or an error that says which config keys choose its folder."""
    try:
        return DATASETS.build(config)
    except (OSError, RuntimeError, UnicodeError) as error:  # no such folder, no image in it
        raise DataError(
            f'The training images cannot be listed: {printable(error)}. Name a folder of images '
            'with --data FOLDER (`train_dataloader.dataset.dataset.data_root` is '
            f'{config.get("data_root")!r}, `data_prefix` {config.get("data_prefix")!r}); relative '
            f'paths start at {Path.cwd()}.') from error
