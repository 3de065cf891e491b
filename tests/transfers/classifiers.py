"""Small runs of the classification benchmarks: their real configs, small networks and images."""

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS, RUNNERS
from PIL import Image

from tests.configs.support import CONFIGS

SWIN = dict(arch=dict(embed_dims=8, depths=[1, 2], num_heads=[1, 2]), img_size=32, patch_size=4,
            window_size=4, out_indices=(1, ))
VIT = dict(arch=dict(embed_dims=24, num_layers=3, num_heads=3, feedforward_channels=48),
           img_size=32, patch_size=8)
WIDTH = dict(swin=16, vit=24)
CLASSES = ('lying', 'mixed', 'standing')


def write_images(folder: Path, count: int = 8, classes=CLASSES, parts=('train', 'val')) -> Path:
    """``count`` noisy images a class of 40 px, which stripes tell apart: PART/CLASS/N.png."""
    rng = np.random.default_rng(0)
    for part in parts:
        for number, name in enumerate(classes):
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                stripes = np.repeat(rng.integers(0, 256, (40, 1, 3)), 40, axis=1)
                noise = rng.integers(0, 256, (40, 40, 3))
                pixels = [stripes, noise, stripes.transpose(1, 0, 2)][number % 3]
                Image.fromarray(pixels.astype(np.uint8)).save(folder / part / name / f'{index}.png')
    return folder


def backbone(family: str) -> dict:
    """Config of the backbone that pre-training leaves behind."""
    return (dict(type='SwinTransformer', **SWIN) if family == 'swin' else
            dict(type='MoCoV3ViT', out_type='featmap', **VIT))


def write_backbone(path: Path, family: str = 'swin') -> Path:
    torch.manual_seed(1)
    network = MODELS.build(backbone(family))
    network.init_weights()
    state = {f'backbone.{key}': value for key, value in network.state_dict().items()}
    heads = dict(backbone=dict(num_heads=3 if family == 'vit' else None))
    torch.save(dict(state_dict=state, meta=heads), path)
    return path


def shrink(pipeline: list, side: int = 32) -> None:
    for transform in pipeline:
        for key in ('scale', 'crop_size'):
            if key in transform:
                transform[key] = side


def config(name: str, data: Path, checkpoint: Path, work_dir: Path, epochs: int = 2,
           classes: int = len(CLASSES), batch_size: int = 6, **overrides) -> Config:
    """configs/benchmarks/NAME.py ('imagenet/vit-s', 'linear/swin-t') for small images."""
    cfg = Config.fromfile(CONFIGS / 'benchmarks' / f'{name}.py')
    family = 'vit' if 'vit' in name else 'swin'
    cfg.model.backbone.update(VIT if family == 'vit' else SWIN)
    cfg.model.backbone.init_cfg.checkpoint = str(checkpoint)
    cfg.model.head.update(in_channels=WIDTH[family], num_classes=classes)
    cfg.data_preprocessor.num_classes = classes
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        dataset = loader.dataset.get('dataset', loader.dataset)
        dataset.data_root = str(data)
        shrink(dataset.pipeline)
        loader.update(batch_size=batch_size, num_workers=0, persistent_workers=False)
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        evaluator.topk = (1, min(5, classes))
    first = cfg.param_scheduler[0]
    first.update(warmup=1, end=epochs) if 'warmup' in first else None
    if first.type == 'LinearLR':
        first.end = cfg.param_scheduler[1].begin = 1
        cfg.param_scheduler[1].end = epochs
    cfg.merge_from_dict(dict(work_dir=str(work_dir), train_cfg=dict(max_epochs=epochs),
                             default_hooks=dict(logger=dict(interval=1))))
    cfg.merge_from_dict(overrides)
    return cfg


def train(cfg: Config):
    runner = RUNNERS.build(cfg)
    runner.train()
    return runner
