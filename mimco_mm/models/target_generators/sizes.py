"""Named networks for images of another size, and the maps that they make of them."""

import copy
from typing import List

import torch
from mmpretrain.registry import MODELS
from torch import nn

from ...errors import ConfigError
from .names import Named


def map_shape(network: nn.Module, side: int, device: str = 'meta') -> torch.Size:
    """Shape (1, C, H, W) of a network's last map of an image of ``side`` px."""
    network.to(device).eval()  # mmpretrain's Swin returns None here
    with torch.no_grad():
        return network(torch.zeros(1, 3, side, side, device=device))[-1].shape


def shape_of(backbone: dict, side: int) -> torch.Size:
    """``map_shape`` of a network that is built for its shapes alone, if it lets itself be."""
    try:
        with torch.device('meta'):
            network = MODELS.build(copy.deepcopy(backbone))
        return map_shape(network, side)
    except RuntimeError as error:
        if 'meta' not in str(error):
            raise
    return map_shape(MODELS.build(copy.deepcopy(backbone)), side, 'cpu')  # it looks at values


def sized(named: Named, side: int) -> List[dict]:
    """Configs of the network for images of ``side`` px, the likelier first."""
    plain = dict(named.backbone)
    if side == named.side or 'img_size' in plain:
        return [plain]
    ways = [plain, {**plain, 'img_size': side}]
    return ways[::-1] if named.fixed else ways


def sized_config(named: Named, side: int) -> dict:
    """The first of ``sized`` that makes a map of such images.

    Raises:
        ConfigError: there is none.
    """
    ways = sized(named, side)
    if side == named.side:
        return ways[0]
    told = ''
    for backbone in ways:
        try:
            shape = shape_of(backbone, side)
        except ConfigError:
            raise
        except Exception as error:  # the library's, of a side that its network does not take
            told = f' ({next(iter(str(error).splitlines()), type(error).__name__)})'
            continue
        if all(shape):
            return backbone
    raise ConfigError(f'{named.checkpoint} makes no map of images of {side} px{told}; its own have '
                      f'{named.side} px: give another --img-size, or none.')
