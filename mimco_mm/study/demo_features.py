"""What the demo's networks make of its images: features, and the nearest of them."""

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.device import get_device
from mmpretrain.registry import MODELS

from ..checkpoints import load_backbone
from ..datasets import decode
from ..evaluation import extract_features, labelled_folder, nearest_neighbours
from ..figures import plot_neighbours


class Judged(NamedTuple):
    """Features (N, C) with labels (N,), and files, of both parts, as one network sees them."""

    train: Tuple[torch.Tensor, torch.Tensor]
    train_files: List[str]
    test: Tuple[torch.Tensor, torch.Tensor]
    test_files: List[str]


def judge(title: str, config: Path, checkpoint: Optional[Path], images: Path,
          seed: int) -> Judged:
    """The features of a config's backbone.

    Args:
        title: of the network, for errors.
        config: of its pre-training.
        checkpoint: of the run; None for random weights.
        images: folder of train/CLASS and test/CLASS.
        seed: of random weights.
    """
    cfg = Config.fromfile(config)
    torch.manual_seed(seed)
    backbone = MODELS.build(cfg.model.backbone)
    backbone.init_weights()
    if checkpoint is not None:
        print(load_backbone(backbone, str(checkpoint), config_key=title))
    preprocessor = MODELS.build(cfg.data_preprocessor)
    backbone, preprocessor = backbone.to(get_device()), preprocessor.to(get_device())
    found = {}
    for part in ('train', 'test'):
        loader = labelled_folder(str(images), part, cfg.model.backbone.img_size)
        found[part] = extract_features(backbone, preprocessor, loader)
        found[f'{part}_files'] = [loader.dataset.get_data_info(index)['img_path']
                                  for index in range(len(loader.dataset))]
    return Judged(**found)


def draw_neighbours(found: Dict[str, Judged], rows: int = 8, columns: int = 6) -> Figure:
    """For some test images, the nearest training images by each network's features."""
    first = next(iter(found.values()))  # all have the same files
    picked = torch.linspace(0, len(first.test_files) - 1, rows).long()
    images, correct = {}, {}
    for title, judged in found.items():
        (bank, bank_labels), (queries, labels) = judged.train, judged.test
        _, nearest = next(nearest_neighbours(queries[picked], bank, columns))
        correct[title] = (bank_labels[nearest] == labels[picked, None]).numpy()
        images[title] = np.stack([[_rgb(first.train_files[i]) for i in row] for row in nearest])
    queries = np.stack([_rgb(first.test_files[i]) for i in picked])
    figure = plot_neighbours(queries, images, correct)
    figure.supxlabel('frames: green, of the same class as the query; red, of another', fontsize=9)
    return figure


def _rgb(path: str) -> np.ndarray:
    return decode(Path(path).read_bytes())
