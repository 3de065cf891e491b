"""Feature maps of frozen backbones, batch by batch, of images that may be broken."""

from typing import Callable, Dict, Iterator, Mapping, Sequence, Tuple

import numpy as np
import torch
from mmengine.device import get_device
from mmpretrain.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader

from ..datasets import image_loader
from ..errors import ConfigError
from ..progress import progress
from .features import pooled
from .titled_backbones import TitledBackbone

# ImageNet's, in RGB, of 255: all the checkpoints that are known were trained with it, CLIP apart.
NORMALISATION = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
Maps = Dict[str, torch.Tensor]


@torch.no_grad()
def feature_maps(networks: Dict[str, nn.Module], loader: DataLoader, broken: Dict[str, str],
                 bar: bool = True) -> Iterator[Tuple[torch.Tensor, Maps]]:
    """The last map of each network for each batch of images, which are decoded once for all.

    Args:
        networks: title -> backbone in eval mode, see ``load_described_backbone``.
        loader: see ``image_loader``.
        broken: gets path -> reason of the images that cannot be read, and are left out.
        bar: whether to show one with the time that is left.

    Yields:
        Rows (B,) in the loader's list, and title -> map (B, C, h, w) on the network's device.

    Raises:
        ValueError: features that are not finite.
    """
    maps_of = map_reader(networks)
    counted = progress(loader, len(loader.dataset), 'images',
                       lambda batch: len(batch.rows) + len(batch.broken))
    for batch in counted if bar else loader:
        broken.update(batch.broken)
        if len(batch.rows) == 0:
            continue
        yield batch.rows, maps_of(batch.pixels)


def map_reader(networks: Dict[str, nn.Module],
               norm: Mapping = NORMALISATION) -> Callable[[torch.Tensor], Maps]:
    """A function of images (B, 3, H, W), uint8 and BGR: title -> the network's last map of them.

    Args:
        networks: title -> backbone in eval mode, on the device.
        norm: mean, std and to_rgb by which their images are normalised.

    Raises, when it is called:
        ValueError: features that are not finite.
    """
    preprocessor = MODELS.build(dict(type='ClsDataPreprocessor', **norm)).to(get_device())

    @torch.no_grad()
    def maps_of(pixels: torch.Tensor) -> Maps:
        images = preprocessor(dict(inputs=pixels))['inputs']
        maps = {title: network(images)[-1].float() for title, network in networks.items()}
        for title, found in maps.items():
            if not found.isfinite().all():
                raise ConfigError(f'Features of {title} are not finite: its weights are damaged or '
                                  'diverged.')
        return maps

    return maps_of


def titled_features(title: str, backbone: TitledBackbone, paths: Sequence[str],
                    broken: Dict[str, str], batch_size: int,
                    num_workers: int) -> Tuple[np.ndarray, np.ndarray]:
    """The images that can be read, as rows (N,) of ``paths``, and their features (N, C).

    Args:
        title: of the backbone, for errors.
        backbone: whose maps are averaged over their positions.
        paths: of the images.
        broken: gets path -> reason of those that cannot be read.
        batch_size: images at a time.
        num_workers: processes that decode them.
    """
    loader = image_loader(paths, backbone.img_size, batch_size, num_workers)
    batches = [(rows, pooled(maps[title]).cpu()) for rows, maps in feature_maps(
        {title: backbone.network}, loader, broken)]
    if not batches:
        return np.empty(0, int), np.empty((0, 1))
    rows, features = (np.concatenate(part) for part in zip(*batches))
    return rows, features
