"""The results of transfers under a work dir, beside the paper's figures."""

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..errors import UserError
from ..records import RecordError, read_json
from .paper import TRANSFERS, PaperRow
from .scalars import describe_damage, log_lines

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
ANOTHER = ' (another set)'  # in the names of their metrics


class Result(NamedTuple):
    """What one benchmark gave.

    Attributes:
        benchmark: one of ``BENCHMARKS``.
        setting: of the folder's name, e.g. 'dino' of retrieval-dino; '' if there is but one.
        values: metric -> percent, of the last evaluation; empty where there was none.
        best: metric -> the highest value of all evaluations.
        source: the file that they are read from.
        state: what became of the run, as tools/transfers/run.sh recorded it: 'finished', 'failed
            with exit status 1'; '' where nothing is recorded.
        log: the file of its output; '' where nothing is recorded.
        options: those of the command line.
        start_sha256: hash of the checkpoint that was measured; None where it is not recorded.
        data: part -> folder, images, classes.
        schedule: unit and length of the training; empty where nothing was trained.
        step: of the last evaluation, in the schedule's unit.
    """

    benchmark: str
    setting: str
    values: Dict[str, float]
    best: Dict[str, float]
    source: str
    state: str = ''
    log: str = ''
    options: Tuple[str, ...] = ()
    start_sha256: Optional[str] = None
    data: Dict[str, dict] = {}
    schedule: dict = {}
    step: int = 0

    def is_of(self, run: dict) -> bool:
        """Whether it was measured from the run's checkpoint, as far as that is recorded."""
        return self.start_sha256 in (None, run['sha256'])


def results_folder(checkpoint: str, sha256: str) -> Path:
    """Where a suite puts its results by itself: a folder for each checkpoint, also for two of one
    name."""
    path = Path(checkpoint) if '://' in checkpoint else Path(checkpoint).resolve()
    return Path('work_dirs', 'transfers', f'{path.parent.name}_{path.stem}_{sha256[:8]}')


def read_run(folder: Path) -> dict:
    """``run.json`` of a suite of transfers: which checkpoint of which method and network.

    Raises:
        FileNotFoundError: no such file.
        RecordError: it is damaged, or of something else.
    """
    file = folder / 'run.json'
    if not file.is_file():
        raise FileNotFoundError(
            f'{folder} holds no run.json: expected the work dir of tools/transfers/run.sh.')
    run = read_json(file)
    wrong = [key for key in ('checkpoint', 'sha256', 'method', 'network')
             if not isinstance(run.get(key), str)] + ['epochs'] * ('epochs' not in run)
    if wrong:
        raise RecordError(f'{file} does not say of what the results beside it are: it has no '
                          f'{", ".join(wrong)}, which tools/transfers/run.sh writes.')
    return run


def read_results(folder: Path) -> List[Result]:
    """All results under the work dir of a suite, in the benchmarks' order, failed ones too.

    Raises:
        RecordError: one is damaged.
    """
    found = []
    for benchmark in BENCHMARKS:
        for part in sorted(folder.glob(f'{benchmark}*')):
            name, _, setting = part.name.partition('-')
            if name == benchmark and part.is_dir():
                with damage_told(part):
                    result = read_logged(part, name) if name in LOGGED else _written(
                        part, name, setting)
                    result = _recorded(result, part)
                found += [result] if result.values or result.state else []
    return found


@contextmanager
def damage_told(folder: Path) -> Iterator[None]:
    """Say of files that lack what they should have, or have it of another type, where they lie."""
    try:
        yield
    except UserError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise RecordError(f'The results in {folder} are damaged ({type(error).__name__}: {error}): '
                          'remove them, and measure them again.') from error


def _recorded(result: Result, folder: Path) -> Result:
    """With what tools/transfers/run.sh noted of it."""
    file = folder / 'record.json'
    if not file.is_file():
        return result
    record = read_json(file)
    options = record['identity']['options']
    return result._replace(state=record['state'], log=record['log'],
                           options=tuple(f'{key}={value}' for key, value in options.items()))


def read_logged(folder: Path, benchmark: str) -> Result:
    """The result of one training, from what it logged after each evaluation.

    Args:
        folder: its work dir, with the scalars of mmengine and the file of DataRecordHook.
        benchmark: one of ``LOGGED``.
    """
    by_step: Dict[int, dict] = {}
    names, result = LOGGED[benchmark], Result(benchmark, '', {}, {}, '')
    files = sorted(folder.glob('*/vis_data/scalars.json')) or sorted(
        folder.glob('*/vis_data/*.json'))
    damaged: List[str] = []
    for scalars in (scalars for file in files for scalars in log_lines(file, damaged)):
        values = {metric: factor * scalars[name]
                  for name, (metric, factor) in names.items() if name in scalars}
        if values:
            by_step[scalars['step']] = values
    if damaged:
        warnings.warn(describe_damage(damaged), stacklevel=2)
    if not by_step:
        return result
    evaluations = [by_step[step] for step in sorted(by_step)]
    best = {metric: max(values.get(metric, 0) for values in evaluations)
            for metric in evaluations[-1]}
    record = folder / 'data_record.json'
    known = read_json(record) if record.is_file() else {}
    return result._replace(values=evaluations[-1], best=best, source=str(files[-1]),
                           step=max(by_step), **known)


def _written(folder: Path, benchmark: str, setting: str) -> Result:
    """From the file of tools/transfers/knn.py or retrieval.py."""
    file, result = folder / 'results.json', Result(benchmark, setting, {}, {}, '')
    if not file.is_file():
        return result
    content = read_json(file)
    values = content['results']
    if benchmark == 'retrieval':  # set -> level -> scores, with NaN as None
        root = content.get('config', {}).get('data_root', '')
        data = {name: dict(folder=str(Path(root, name).resolve()), images=one['images'],
                           queries=one['queries']) for name, one in values.items()}
        values = {name + ('' if (one['images'], one['queries']) == REVISITED.get(name)
                          else ANOTHER) + f'/{level}': scores['mAP']
                  for name, one in values.items()
                  for level, scores in one['scores'].items() if scores['mAP'] is not None}
        start = (content.get('checkpoint') or {}).get('sha256')
    else:
        data, start = content.get('data', {}), content.get('checkpoint_sha256')
    return result._replace(values=values, best=values, source=str(file), data=data,
                           start_sha256=start)


def paper_row(benchmark: str, run: dict) -> Optional[PaperRow]:
    """The paper's row for a method, network and number of epochs, if it has one."""
    rows = [row for row in TRANSFERS.get(benchmark, []) if row.network == run['network']
            and row.method == run['method'] and row.epochs in (run['epochs'], None)]
    return rows[0] if rows else None
