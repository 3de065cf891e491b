"""Norms over the batch, and batches that give them nothing to take a mean of."""

from functools import partial

import torch
from mmengine.dist import get_world_size
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import ConfigError
from ..models.utils import EqualSyncBatchNorm


def guard_batch_norms(model: nn.Module) -> None:
    """Let each batch norm of a model in training say what mends a batch of one image.

    On maps one image is many values, on pooled maps (the image level, MoBY, MoCo v3) it is one.
    """
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm):
            module.register_forward_pre_hook(partial(_check, name.removeprefix('module.')))


def _check(name: str, module: nn.Module, inputs: tuple[torch.Tensor]) -> None:
    x = inputs[0]
    synchronised = isinstance(module, (nn.SyncBatchNorm, EqualSyncBatchNorm))
    if module.training and x.numel() == x.shape[1] and not (synchronised and get_world_size() > 1):
        raise ConfigError(
            f'`{name}` of the model is a batch norm, and takes mean and variance of each channel '
            f'over the batch; a batch of {len(x)} image gives it one value. Take '
            '--batch-size 2 or more (`train_dataloader.batch_size`).')
