"""The results of transfers under a work dir, beside the paper's figures."""

import json
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from .paper import TRANSFERS, PaperRow

# Benchmark -> name in mmengine's log -> (our metric, factor to percent)
LOGGED = dict(
    imagenet={'accuracy/top1': ('top1', 1)},
    linear={'accuracy/top1': ('top1', 1)},
    coco={'coco/bbox_mAP': ('bbox_mAP', 100), 'coco/segm_mAP': ('segm_mAP', 100)},
    ade20k={'mIoU': ('mIoU', 1)},
)
BENCHMARKS = ('imagenet', 'coco', 'ade20k', 'retrieval', 'knn', 'linear')
# Database images and queries of the revisited sets; other sets of their names have other scores.
REVISITED = dict(roxford5k=(4993, 70), rparis6k=(6322, 70))


class Result(NamedTuple):
    """What one benchmark gave.

    Attributes:
        benchmark: one of ``BENCHMARKS``.
        setting: of the folder's name, e.g. 'dino' of retrieval-dino; '' if there is but one.
        values: metric -> percent, of the last evaluation.
        best: metric -> the highest value of all evaluations.
        source: the file that they are read from.
    """

    benchmark: str
    setting: str
    values: Dict[str, float]
    best: Dict[str, float]
    source: str


def read_run(folder: Path) -> dict:
    """``run.json`` of a suite of transfers: which checkpoint of which method and network."""
    file = folder / 'run.json'
    if not file.is_file():
        raise FileNotFoundError(
            f'{folder} holds no run.json: expected the work dir of tools/benchmarks/run.sh.')
    return json.loads(file.read_text())


def read_results(folder: Path) -> List[Result]:
    """All results under the work dir of a suite, in the benchmarks' order."""
    found = []
    for benchmark in BENCHMARKS:
        for part in sorted(folder.glob(f'{benchmark}*')):
            name, _, setting = part.name.partition('-')
            if name == benchmark and part.is_dir():
                result = _logged(part, name, setting) or _written(part, name, setting)
                found += [result] if result else []
    return found


def _logged(folder: Path, benchmark: str, setting: str) -> Optional[Result]:
    """From the scalars that mmengine logs after each evaluation."""
    by_step: Dict[int, dict] = {}
    names = LOGGED.get(benchmark, {})
    files = sorted(folder.glob('*/vis_data/scalars.json')) or sorted(
        folder.glob('*/vis_data/*.json'))
    for file in files:
        for line in file.read_text().splitlines():
            scalars = json.loads(line)
            values = {metric: factor * scalars[name]
                      for name, (metric, factor) in names.items() if name in scalars}
            if values:
                by_step[scalars['step']] = values
    if not by_step:
        return None
    evaluations = [by_step[step] for step in sorted(by_step)]
    best = {metric: max(values.get(metric, 0) for values in evaluations)
            for metric in evaluations[-1]}
    return Result(benchmark, setting, evaluations[-1], best, str(files[-1]))


def _written(folder: Path, benchmark: str, setting: str) -> Optional[Result]:
    file = folder / 'results.json'
    if not file.is_file():
        return None
    values = json.loads(file.read_text())['results']
    if benchmark == 'retrieval':  # set -> level -> scores, with NaN as None
        values = {name + ('' if (result['images'], result['queries']) == REVISITED.get(name)
                          else ' (another set)') + f'/{level}': scores['mAP']
                  for name, result in values.items()
                  for level, scores in result['scores'].items() if scores['mAP'] is not None}
    return Result(benchmark, setting, values, values, str(file))


def paper_row(benchmark: str, run: dict) -> Optional[PaperRow]:
    """The paper's row for a method, network and number of epochs, if it has one."""
    rows = [row for row in TRANSFERS.get(benchmark, []) if row.network == run['network']
            and row.method == run['method'] and row.epochs in (run['epochs'], None)]
    return rows[0] if rows else None
