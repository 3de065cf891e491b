"""Retrieval on revisited Oxford and Paris: a config's sets, a checkpoint, its scores as JSON."""

import dataclasses
import math
import shlex
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import mmpretrain
import torch
from mmengine.config import Config
from torch import nn

from ..datasets import load_revisited
from ..errors import ConfigError
from ..evaluation import (
    extract_global_features,
    join_processes,
    load_frozen_backbone,
    retrieval_scores,
)
from ..options import RETRIEVAL, apply_options, load_config, refuse
from ..records import write_json
from ..tables import REVISITED, TABLE_4, TABLE_9
from ..version import __version__
from .frozen import name_of

# The paper's columns in Tables 4 and 9: (set, level)
COLUMNS = {'ROx M': ('roxford5k', 'medium'), 'ROx H': ('roxford5k', 'hard'),
           'RPar M': ('rparis6k', 'medium'), 'RPar H': ('rparis6k', 'hard')}


class RetrievalRequest(NamedTuple):
    """The options of tools/transfers/retrieval.py, by their names there."""

    config: str
    checkpoint: str
    data_root: Optional[str] = None
    sets: Optional[List[str]] = None
    out: Optional[Path] = None
    cfg_options: List[str] = []


def requested_retrieval(request: RetrievalRequest) -> Config:
    """The config of a request, with the sets that it names.

    Raises:
        ConfigError: it is none of this benchmark, or an option does not suit it.
    """
    cfg = load_config(request.config)
    apply_options(cfg, request.cfg_options, RETRIEVAL)
    if request.data_root is not None:
        refuse(request.cfg_options, ['data_root'], '--data-root names the folder')
        cfg.data_root = request.data_root
    if not cfg.get('sets'):
        raise ConfigError(
            f'{request.config} has no `sets`, which name the sets and their image sizes; '
            'expected a config like configs/benchmarks/retrieval/swin-t_dino.py')
    unknown = set(request.sets or []) - set(cfg.sets)
    if unknown:
        raise ConfigError(f'--sets expects some of {", ".join(cfg.sets)}, which {request.config} '
                          f'has, got {", ".join(sorted(unknown))}')
    cfg.sets = {name: cfg.sets[name] for name in request.sets or cfg.sets}
    return cfg


def measure_retrieval(request: RetrievalRequest) -> None:
    """Write and print the scores, from one process or with others."""
    cfg = requested_retrieval(request)
    rank = join_processes()
    say = print if rank == 0 else (lambda text: None)
    started = time.time()
    backbone, report = load_frozen_backbone(cfg.model.backbone, request.checkpoint)
    say(report)
    out = request.out or Path('work_dirs', 'retrieval',
                              f'{name_of(request.config, cfg, report)}.json')
    if rank == 0:  # whether it can be is seen before the work
        out.parent.mkdir(parents=True, exist_ok=True)
    results = evaluate(cfg, backbone, say)
    if rank != 0:
        return
    write_json(out, without_nan(dict(
        results=results,
        checkpoint=dataclasses.asdict(report),
        config=cfg.to_dict(),
        command=shlex.join([sys.executable, *sys.argv]),
        versions=dict(mimco_mm=__version__, mmpretrain=mmpretrain.__version__,
                      torch=torch.__version__),
        seconds=round(time.time() - started, 1))))
    print(f'\n{table(results)}\n\nResults and settings are in {out}')


def evaluate(cfg: Config, backbone: nn.Module, say: Callable[[str], None]) -> Dict[str, dict]:
    """Scores, sizes and truncated images of every set."""
    # all sets are read first: a missing image is found before hours of the other set
    loaded = {name: load_revisited(cfg.data_root, name, options.img_size, cfg.crop_queries)
              for name, options in cfg.sets.items()}
    results = {}
    for name, (truth, queries, database) in loaded.items():
        features, truncated = {}, []
        for role, images in (('queries', queries), ('database', database)):
            say(f'{name}: features of {len(images)} images ({role}), longest side '
                f'{cfg.sets[name].img_size} px, scales '
                f'{", ".join(f"{scale:.3g}" for scale in cfg.sets[name].scales)}')
            features[role], cut = extract_global_features(
                backbone, images, cfg.data_preprocessor.mean, cfg.data_preprocessor.std,
                cfg.sets[name].scales, cfg.num_workers)
            truncated += cut
        if truncated:
            say(f'{name}: {len(truncated)} image files end early; what is there of them was used: '
                f'{", ".join(truncated[:3])}{" ..." * (len(truncated) > 3)}')
        results[name] = dict(
            scores=retrieval_scores(features['queries'], features['database'], truth.gnd),
            images=len(database), queries=len(queries), truncated=truncated)
    return results


def table(results: Dict[str, dict]) -> str:
    """All scores, and, for the benchmark's own sets, mAP beside that of the paper."""
    lines = ['set         level     mAP    mP@1    mP@5   mP@10   queries']
    for name, result in results.items():
        for level, scores in result['scores'].items():
            numbers = ''.join(f'{value:8.2f}' for key, value in scores.items() if key != 'queries')
            lines.append(f'{name:11} {level:6}{numbers}{scores["queries"]:10}')
    for name, result in results.items():
        size = (result['images'], result['queries'])
        if size != REVISITED.get(name):
            lines.append(f'{name} here has {size[0]} images and {size[1]} queries: not the '
                         "benchmark's own, so the paper's figures are not comparable.")
    real = [name for name, result in results.items()
            if (result['images'], result['queries']) == REVISITED.get(name)]
    columns = {title: key for title, key in COLUMNS.items() if key[0] in real}
    if columns:
        lines += ['', f'{"mAP, %":43}' + ''.join(f'{title:>8}' for title in columns)]
        ours = [results[name]['scores'][level]['mAP'] for name, level in columns.values()]
        rows = {'this checkpoint': ours, **{
            f'{row.method}, {row.epochs} epochs (paper)': [
                row.values['/'.join(key)] for key in columns.values()]
            for row in TABLE_4 + TABLE_9}}
        lines += [f'{title:43}' + ''.join(f'{value:8.2f}' for value in values)
                  for title, values in rows.items()]
    return '\n'.join(lines)


def without_nan(value: Any) -> Any:
    """A tree of dicts with None in place of NaN, which JSON has not."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
