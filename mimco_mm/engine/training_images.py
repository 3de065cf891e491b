"""What a pre-training run is fed with: the images of its own pipeline."""

from copy import deepcopy
from typing import List, Tuple, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner, set_random_seed
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from .start_check import check_feeding

Views = Union[torch.Tensor, List[torch.Tensor]]


def build_preprocessor(cfg: Config) -> nn.Module:
    """The data preprocessor of a run, on the device."""
    config = cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
    return MODELS.build({'type': 'SelfSupDataPreprocessor', **config}).to(get_device())


def first_batch(cfg: Config, preprocessor: nn.Module, count: int,
                seed: int) -> Tuple[Views, List[DataSample]]:
    """The first images of a run with this seed and one process, as its model gets them.

    Args:
        cfg: a pre-training config.
        preprocessor: see ``build_preprocessor``.
        count: images, at most.
        seed: the run's ``randomness.seed``.

    Returns:
        inputs (N, 3, h, w), normalised, a list of them if there are several views; their samples.

    Raises:
        RuntimeError: the images cannot be found; the message names the config keys.
        ConfigError: collate function, pipeline and preprocessor do not fit each other.
    """
    batch = preprocessor(loaded_batch(cfg, count, seed), training=True)
    return batch['inputs'], batch['data_samples']


def loaded_batch(cfg: Config, count: int, seed: int) -> dict:
    """The same as the loader gives it, on the host, for the model's preprocessor."""
    config = deepcopy(cfg.train_dataloader)
    config.pop('prefetch_factor', None)  # of workers
    config.setdefault('collate_fn', dict(type='default_collate'))
    config.update(batch_size=count, num_workers=0, persistent_workers=False, pin_memory=False,
                  drop_last=False)
    check_feeding(dict(cfg.items(), train_dataloader=config))
    set_random_seed(seed)
    loader = Runner.build_dataloader(config, seed=seed)
    if hasattr(loader.dataset, 'set_epoch'):
        loader.dataset.set_epoch(0, seed)
    return next(iter(loader))


def to_pixels(inputs: torch.Tensor, preprocessor: nn.Module) -> np.ndarray:
    """Normalised inputs (N, 3, h, w) as images (N, h, w, 3) of 0 to 255, uint8."""
    pixels = inputs * getattr(preprocessor, 'std', 1.) + getattr(preprocessor, 'mean', 0.)
    return pixels.round().clamp(0, 255).byte().movedim(1, -1).cpu().numpy()
