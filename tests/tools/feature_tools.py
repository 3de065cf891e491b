"""What the tests of the tools of features share: checkpoints, and what they hold."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from mmpretrain.registry import MODELS

from tests.transfers import classifiers as small

TOOLS = Path(__file__).parents[2] / 'tools' / 'figures'
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


def imports_of_help(name: str) -> tuple[str, str]:
    """The help of a tool run from elsewhere, and the heavy modules that it took."""
    code = (f"import runpy, sys\nsys.argv = ['{name}.py', '--help']\n"
            f"try:\n    runpy.run_path(r'{TOOLS / f'{name}.py'}', run_name='__main__')\n"
            "finally:\n    print([m for m in ('torch', 'mmpretrain', 'sklearn') if m in "
            "sys.modules], file=sys.stderr)")
    done = subprocess.run([sys.executable, '-c', code], cwd='/', text=True, capture_output=True,
                          timeout=120)
    return done.stdout, done.stderr.strip().splitlines()[-1]
