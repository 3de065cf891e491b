"""The report of a suite of transfers: a table and a plot of the paper's figures beside ours."""

from typing import List, NamedTuple, Optional, Tuple

from matplotlib.figure import Figure

from .results import BENCHMARKS, Result, paper_row

TITLES = dict(
    imagenet='ImageNet, fine-tuning (Table 1)',
    coco='COCO, Mask R-CNN 1x (Table 2)',
    ade20k='ADE20K, UPerNet 160k (Table 3)',
    retrieval='Revisited Oxford and Paris (Table 4)',
    knn='k-NN (not in the paper)',
    linear='Linear probe (not in the paper)',
)
COLUMNS = 3  # panels in a row


class Line(NamedTuple):
    """One figure: ``ours`` or ``paper`` is None where there is none, in percent."""

    title: str
    metric: str
    paper: Optional[float]
    ours: Optional[float]
    best: Optional[float]
    source: str


def lines_of(run: dict, results: List[Result]) -> List[Line]:
    """One line for each figure of the paper or of ours; what was not run has no ``ours``."""
    lines = []
    for benchmark in BENCHMARKS:
        row = paper_row(benchmark, run)
        printed = row.values if row else {}
        done = [result for result in results if result.benchmark == benchmark]
        for result in done or [Result(benchmark, '', {}, {}, '')]:
            title = TITLES[benchmark] + (f', {result.setting}' if result.setting else '')
            for metric in [*printed, *(name for name in result.values if name not in printed)]:
                lines.append(Line(title, metric, printed.get(metric), result.values.get(metric),
                                  result.best.get(metric), result.source))
            if not printed and not result.values:
                lines.append(Line(title, '', None, None, None, ''))
    return lines


def as_markdown(run: dict, lines: List[Line]) -> str:
    """The report's text. Every figure of the paper is marked so; ours name their file."""
    effective = run.get('effective_epochs')
    out = [
        f'# {run["method"]}, {run["network"]}, {run["epochs"]} epochs', '',
        f'- checkpoint: `{run["checkpoint"]}` (sha256 {run["sha256"][:12]})',
        f'- effective epochs: {effective if effective is not None else "unknown"}',
        f'- seed of the pre-training: {run.get("seed")}',
        "- figures compare only where data and schedule are the benchmark's own", '',
        '| benchmark | metric | paper | ours | difference | best of all evaluations | from |',
        '|---|---|---|---|---|---|---|',
    ]
    for line in lines:
        difference = (f'{line.ours - line.paper:+.2f}'
                      if None not in (line.ours, line.paper) else '')
        out.append(f'| {line.title} | {line.metric} | {_cell(line.paper)} | '
                   f'{_cell(line.ours) or "not run"} | {difference} | '
                   f'{_cell(line.best)} | {f"`{line.source}`" if line.source else ""} |')
    return '\n'.join(out) + '\n'


def _cell(value: Optional[float]) -> str:
    return '' if value is None else f'{value:.2f}'


def plot_report(groups: List[Tuple[str, List[Line]]]) -> Figure:
    """A panel for each benchmark with figures: the paper's beside each run's.

    Args:
        groups: (label of the run, its lines).
    """
    titles = list(dict.fromkeys(line.title for _, lines in groups for line in lines
                                if line.ours is not None or line.paper is not None))
    rows, columns = max(-(-len(titles) // COLUMNS), 1), min(max(len(titles), 1), COLUMNS)
    figure = Figure(figsize=(4.4 * columns, 3.6 * rows), layout='constrained')
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes[len(titles):]:
        axis.remove()
    width = 0.8 / (len(groups) + 1)
    for axis, title in zip(axes, titles):
        metrics = list(dict.fromkeys(line.metric for _, lines in groups for line in lines
                                     if line.title == title))
        printed = {line.metric: line.paper for _, lines in groups for line in lines
                   if line.title == title and line.paper is not None}
        bars = [('paper', printed, 'lightgrey')]
        bars += [(label, {line.metric: line.ours for line in lines
                          if line.title == title and line.ours is not None}, None)
                 for label, lines in groups]
        for place, (label, values, colour) in enumerate(bars):
            positions = [index + place * width for index, metric in enumerate(metrics)
                         if metric in values]
            drawn = axis.bar(positions, list(values[m] for m in metrics if m in values), width,
                             label=label, color=colour)
            axis.bar_label(drawn, fmt='%.1f', fontsize=7)
        axis.set_xticks([index + 0.4 - width / 2 for index in range(len(metrics))],
                        metrics, fontsize=8, rotation=30, horizontalalignment='right')
        axis.set_title(title, fontsize=9)
        axis.margins(y=0.12)
    if titles:
        axes[0].set_ylabel('%')  # of all panels
        axes[0].legend(fontsize=8)
    return figure
