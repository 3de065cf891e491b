"""What the tests of the tools of features share: checkpoints, and what they hold."""

from pathlib import Path

import numpy as np
import torch
from mmpretrain.registry import MODELS

from tests.transfers import classifiers as small

MEAN, STD = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])


def write_checkpoints(folder: Path) -> list[str]:
    """A Swin with a map of 4 x 4 and a ViT with one of 4 x 4 for images of 32 px."""
    return [f'{title}={small.write_backbone(folder / f"{family}.pth", family)}'
            for title, family in (('A Swin', 'swin'), ('A ViT', 'vit'))]


def network(folder: Path, family: str) -> torch.nn.Module:
    """The same network, built from its config and loaded by plain torch."""
    built = MODELS.build(small.backbone(family))
    built.init_weights()
    state = torch.load(folder / f'{family}.pth', weights_only=True)['state_dict']
    built.load_state_dict({key.removeprefix('backbone.'): value for key, value in state.items()})
    built.eval()
    return built


def map_of(built: torch.nn.Module, pixels: np.ndarray) -> torch.Tensor:
    """Map (C, h, w) of one image (H, W, 3), RGB."""
    image = torch.tensor((pixels - MEAN) / STD).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        return built(image)[-1][0]
