"""The files that the check needs, made by it: photograph-like JPEGs, and a teacher."""

from pathlib import Path
from typing import List

import numpy as np
import torch
from mmpretrain.registry import MODELS
from PIL import Image

from .rows import Setting
from .sizes import config_for

SIDE = 375, 500


def jpegs(folder: Path, count: int) -> List[Path]:
    """Smooth colours under noise, of about the bytes of ImageNet's; what is there is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    files = [folder / f'{index:04d}.jpg' for index in range(count)]
    for file in files:
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        grain = rng.integers(-12, 13, (*SIDE, 3), dtype=np.int16)
        if not file.is_file():
            pixels = np.asarray(coarse.resize(SIDE[::-1], Image.BICUBIC)) + grain
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, quality=90)
    return files


def teacher(setting: Setting, name: str = 'mimco_swin-t') -> Path:
    """Random weights for the teacher of a config, as a checkpoint."""
    file = setting.folder / f'teacher_{name.replace("/", "_")}.pth'
    if not file.is_file():
        network = MODELS.build(config_for(setting, name).model.target_generator.backbone)
        network.init_weights()
        torch.save(network.state_dict(), file)
    return file
