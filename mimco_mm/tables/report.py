"""The report of a suite of transfers: a table of the paper's figures beside ours."""

from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from ..names import counted
from .comparable import objections
from .results import ANOTHER, BENCHMARKS, Result, paper_row

TITLES = dict(
    imagenet='ImageNet, fine-tuning (Table 1)',
    coco='COCO, Mask R-CNN 1x (Table 2)',
    ade20k='ADE20K, UPerNet 160k (Table 3)',
    retrieval='Revisited Oxford and Paris (Table 4)',
    knn='k-NN (not in the paper)',
    linear='Linear probe (not in the paper)',
)
NOT_RUN = 'not run'
MARK = '*'  # of a figure that cannot stand beside the paper's


class Line(NamedTuple):
    """One figure.

    Attributes:
        title: of the benchmark.
        metric: its name; '' where neither the paper nor we have a figure.
        paper: percent; None where it prints none.
        ours: percent of the last evaluation; None where there is none.
        best: percent, the highest of all evaluations.
        source: file of ours.
        state: why there is none of ours, e.g. 'not run' or 'failed with exit status 1'.
        log: where that can be read; '' where nowhere.
        notes: why ours cannot stand beside the paper's.
    """

    title: str
    metric: str
    paper: Optional[float]
    ours: Optional[float] = None
    best: Optional[float] = None
    source: str = ''
    state: str = NOT_RUN
    log: str = ''
    notes: Tuple[str, ...] = ()


def title_of(result: Result) -> str:
    return TITLES[result.benchmark] + (f', {result.setting}' if result.setting else '')


def lines_of(run: dict, results: List[Result]) -> List[Line]:
    """One line for each figure of the paper or of ours; what was not run has no ``ours``."""
    lines = []
    for benchmark in BENCHMARKS:
        row = paper_row(benchmark, run)
        printed = row.values if row else {}
        done = [result for result in results if result.benchmark == benchmark]
        problem = run.get('problems', {}).get(benchmark, '')
        for result in done or [Result(benchmark, '', {}, {}, '', state=problem)]:
            lines += _lines(run, result, printed)
    return lines


def _lines(run: dict, result: Result, printed: dict) -> List[Line]:
    """Of one result, which may be none."""
    state = result.state if result.state not in ('', 'finished') else NOT_RUN
    if not result.is_of(run):
        state = f'of another checkpoint, sha256 {result.start_sha256[:12]}'
        result = result._replace(values={}, best={})
    notes = tuple(objections(run, result)) if result.values else ()
    title = title_of(result)
    return [Line(title, metric, printed.get(metric), result.values.get(metric),
                 result.best.get(metric), result.source, state, result.log,
                 notes + (("not the benchmark's own images", ) if ANOTHER in metric else ()))
            for metric in dict.fromkeys([*printed, *result.values])] or [
                Line(title, '', None, state=state, log=result.log)]


def as_markdown(run: dict, results: List[Result]) -> str:
    """The report's text. Every figure of the paper is marked so; ours name their file."""
    effective = run.get('effective_epochs')
    lines = lines_of(run, results)
    out = [
        f'# {run["method"]}, {run["network"]}{_length(run)}', '',
        f'- checkpoint: `{run["checkpoint"]}` (sha256 {run["sha256"][:12]})',
        f'- effective epochs: {effective if effective is not None else "unknown"}',
        f'- seed of the pre-training: {"unknown" if run.get("seed") is None else run["seed"]}',
        f"- {MARK}: cannot stand beside the paper's figure; the last column says why", '',
        '| benchmark | metric | paper | ours | difference | best of all evaluations | from | why |',
        '|---|---|---|---|---|---|---|---|',
    ]
    for line in lines:
        compared = None not in (line.ours, line.paper) and not line.notes
        difference = f'{line.ours - line.paper:+.2f}' if compared else ''
        ours = line.state if line.ours is None else _cell(line.ours) + f' {MARK}' * bool(line.notes)
        notes = [*line.notes, *([f'log: `{line.log}`'] if line.log and (
            line.ours is None or line.notes) else [])]
        out.append(f'| {line.title} | {line.metric} | {_cell(line.paper)} | {ours} | {difference} '
                   f'| {_cell(line.best)} | {f"`{line.source}`" if line.source else ""} '
                   f'| {"; ".join(notes)} |')
    measured = [_measured_on(result) for result in results if result.values and result.is_of(run)]
    return '\n'.join([*out, *(['', 'Measured on:', '', *measured] if measured else [])]) + '\n'


def _length(run: dict) -> str:
    """Of its pre-training, if there was any."""
    return f', {counted(run["epochs"], "epoch")}' if run.get('epochs') else ''


def _cell(value: Optional[float]) -> str:
    return '' if value is None else f'{value:.2f}'


def _measured_on(result: Result) -> str:
    """A line on the data, length and options of a result."""
    told = [f'{part}: ' + ', '.join(
        f'`{value}`' if name == 'folder' else f'{value} {name}'
        for name, value in about.items() if value is not None)
        for part, about in result.data.items()]
    if result.schedule:
        told.append('{length} {unit}'.format(**result.schedule))
    if result.options:
        told.append(f'options `{" ".join(result.options)}`')
    return f'- {title_of(result)}: {"; ".join(told) or "not recorded"}'


def run_labels(runs: List[dict], folders: List[Path]) -> List[str]:
    """A name for each run, with its folder where two would have the same."""
    names = [f'{run["method"]} {run["network"]}{_length(run)}' for run in runs]
    short = [folder.resolve().name for folder in folders]
    unique = short if len(set(short)) == len(short) else [str(folder) for folder in folders]
    return [f'{name} ({folder})' if names.count(name) > 1 else name
            for name, folder in zip(names, unique)]
