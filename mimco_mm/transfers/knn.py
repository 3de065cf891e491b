"""The k-NN benchmark: a config's bank and queries, a checkpoint, its accuracies as JSON."""

import time
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_rank, get_world_size
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from ..datasets import LabelError, address_of, check_same_classes
from ..errors import ConfigError
from ..evaluation import (
    extract_features,
    join_processes,
    knn_accuracies,
    labelled_loader,
    load_frozen_backbone,
)
from ..options import KNN, apply_options, load_config, refuse
from ..records import write_result
from ..version import __version__
from .frozen import name_of


class KnnRequest(NamedTuple):
    """The options of tools/transfers/knn.py, by their names there."""

    config: str
    checkpoint: str
    data_root: Optional[str] = None
    pool: str = 'mean'
    out: Optional[Path] = None
    cfg_options: List[str] = []


def requested_knn(request: KnnRequest) -> Config:
    """The config of a request.

    Raises:
        ConfigError: it is none of this benchmark, or an option does not suit it.
    """
    cfg = load_config(request.config)
    if not {'bank', 'queries', 'ks', 'model'} <= cfg.keys():
        raise ConfigError(f'{request.config} has no `bank`, `queries`, `ks` and `model`; expected '
                          'a config like configs/benchmarks/knn/swin-t.py')
    if request.data_root is not None:
        refuse(request.cfg_options, ['bank.data_root', 'queries.data_root'],
               '--data-root names the folder')
        cfg.bank.data_root = cfg.queries.data_root = address_of(
            request.data_root, '--data-root')
    if request.pool == 'cls':
        if 'out_type' not in cfg.model.backbone:
            raise ConfigError('--pool cls is for a ViT; a class token is nothing that '
                              f'{cfg.model.backbone.type} has')
        cfg.model.backbone.out_type = 'cls_token'
    apply_options(cfg, request.cfg_options, KNN)
    if not cfg.ks:
        raise ConfigError('`ks` must name one number of neighbours, or more')
    return cfg


def measure_knn(request: KnnRequest) -> None:
    """Write and print the accuracies, from one process or with others."""
    cfg = requested_knn(request)
    init_default_scope(cfg.default_scope)  # where the datasets are registered
    join_processes()
    say = print if get_rank() == 0 else (lambda text: None)
    started = time.time()
    loaders = load_images(cfg)  # a missing folder is found before the checkpoint is read
    backbone, report = load_frozen_backbone(cfg.model.backbone, request.checkpoint)
    say(report)
    results = evaluate(cfg, backbone, loaders, say)
    if get_rank() != 0:
        return
    out = request.out or Path('work_dirs', 'knn', name_of(request.config, cfg, report),
                              'results.json')
    write_result(
        out, 'knn', request.config, request.checkpoint, report.sha256,
        seed=0,  # nothing is random
        results=results,
        images={part: len(loader.dataset) for part, loader in loaders.items()},
        data={part: described(loader.dataset) for part, loader in loaders.items()},
        settings=cfg.to_dict(),
        versions=dict(mimco_mm=__version__, torch=torch.__version__),
        seconds=round(time.time() - started, 1))
    print(f'{"k":>5}{"top-1, %":>10}{"top-5, %":>10}')
    for k in cfg.ks:
        print(f'{k:5}{results[f"k{k}_top1"]:10.2f}{results[f"k{k}_top5"]:10.2f}')
    print(f'Results and settings are in {out}')


def load_images(cfg: Config) -> Dict[str, DataLoader]:
    """Loaders of bank and queries.

    Raises:
        LabelError: their classes differ, or there are too few images.
    """
    loaders = {part: labelled_loader(cfg[part], cfg.batch_size, cfg.num_workers)
               for part in ('bank', 'queries')}
    its, others = (loader.dataset.metainfo.get('classes') for loader in loaders.values())
    check_same_classes('bank', its, 'queries', others)
    bank = len(loaders['bank'].dataset)
    if bank < max(cfg.ks):
        fits = [k for k in cfg.ks if k <= bank] or [max(bank // 2, 1)]
        raise LabelError(f'`ks` has {max(cfg.ks)}, and the bank has {bank} images: --cfg-options '
                         f'ks={str(fits).replace(" ", "")}')
    fewest = min(len(loader.dataset) for loader in loaders.values())
    if fewest < get_world_size():
        raise LabelError(f'{fewest} images are too few for {get_world_size()} processes.')
    return loaders


def evaluate(cfg: Config, backbone: nn.Module, loaders: Dict[str, DataLoader],
             say: Callable[[str], None]) -> Dict[str, float]:
    """{'k10_top1': percent, ...}."""
    preprocessor = MODELS.build(dict(type='ClsDataPreprocessor', **cfg.data_preprocessor))
    preprocessor = preprocessor.to(get_device())
    found = {}
    for part, loader in loaders.items():
        say(f'{part}: features of {len(loader.dataset)} images')
        features, labels = extract_features(backbone, preprocessor, loader)
        found[part] = F.normalize(features, dim=1), labels
    bank, bank_labels = found['bank']
    say('similarities')
    accuracies = knn_accuracies(
        *found['queries'], bank.to(get_device(), getattr(torch, cfg.bank_dtype)), bank_labels,
        ks=cfg.ks, temperature=cfg.temperature, distributed=True, bar=True)
    return {f'k{k}_top{top}': value for k, scores in accuracies.items()
            for top, value in scores.items()}


def described(dataset: Dataset) -> dict:
    """Folder, images and classes, as a report compares them."""
    return dict(folder=str(Path(dataset.data_root or '').resolve()), images=len(dataset),
                classes=len(dataset.metainfo.get('classes') or []) or None)
