"""The plot of a report: a panel for each benchmark, the paper's bar and one for each run."""

from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..checkpoints import write_text
from ..tables import Line, as_markdown, lines_of, read_results, read_run, run_labels

COLUMNS = 3  # panels in a row
PAPER, PAPER_COLOUR = 'paper', 'lightgrey'
NARROW = 0.12  # widths of a metric's place below which labels stand upright
FEWEST_PLACES = 2.5  # widths of a metric's place that a panel has, however few metrics
HATCH = '///'  # of what cannot stand beside the paper's figure

Groups = List[Tuple[str, List[Line]]]


def write_report(work_dirs: Sequence[Path], out: Path) -> str:
    """Write report.md and report.png of one or more suites of transfers; returns the text.

    Raises:
        FileNotFoundError: a work dir is none of tools/transfers/run.sh.
        RecordError: a file in it is damaged.
    """
    runs = [read_run(folder) for folder in work_dirs]
    results = [read_results(folder) for folder in work_dirs]
    text = '\n'.join(map(as_markdown, runs, results))
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / 'report.md', text)
    groups = list(zip(run_labels(runs, work_dirs), map(lines_of, runs, results)))
    plot_report(groups).savefig(out / 'report.png', dpi=150)
    return f'{text}\n{out / "report.md"}, {out / "report.png"}'


def plot_report(groups: Groups) -> Figure:
    """A panel for each benchmark with a figure of ours or of the paper's.

    A bar of ours that cannot stand beside the paper's is hatched; where there is none, the panel
    says why.

    Args:
        groups: (label of the run, its lines).
    """
    titles = list(dict.fromkeys(line.title for _, lines in groups for line in lines
                                if line.ours is not None or line.paper is not None))
    if not titles:
        return _nothing_measured(groups)
    rows, columns = -(-len(titles) // COLUMNS), min(len(titles), COLUMNS)
    figure = Figure(figsize=(4.6 * columns, 3.4 * rows + 0.6), layout='constrained')
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes[len(titles):]:
        axis.remove()
    colours = _colours(groups)
    for axis, title in zip(axes, titles):
        lines = {label: [line for line in lines if line.title == title] for label, lines in groups}
        _draw(axis, lines, colours)
        axis.set_title(title, fontsize=9)
    axes[0].set_ylabel('%')  # of all panels
    every = [line for _, lines in groups for line in lines]
    handles = [Patch(color=colour, label=label) for label, colour in colours.items()
               if label != PAPER or any(line.paper is not None for line in every)]
    if any(line.notes for line in every):
        handles.append(Patch(facecolor='white', edgecolor='black', hatch=HATCH,
                             label="cannot stand beside the paper's: see report.md"))
    figure.legend(handles=handles, loc='outside lower center', ncols=2, fontsize=8)
    return figure


def _colours(groups: Groups) -> Dict[str, tuple]:
    """Label -> colour: the paper's, and another one for each run."""
    few = len(groups) <= colormaps['tab10'].N
    return {PAPER: PAPER_COLOUR, **{
        label: colormaps['tab10'](place) if few else colormaps['turbo'](place / len(groups))
        for place, (label, _) in enumerate(groups)}}


def _draw(axis: Axes, lines: Dict[str, List[Line]], colours: Dict[str, tuple]) -> None:
    """One benchmark: its metrics from left to right, at each the paper's bar and the runs'."""
    every = [line for group in lines.values() for line in group]
    metrics = list(dict.fromkeys(line.metric for line in every))
    printed = {line.metric: line for line in every if line.paper is not None}
    bars = {PAPER: list(printed.values())} if printed else {}
    bars.update({label: group for label, group in lines.items() if group})
    width = 0.8 / len(bars)
    upright = 90 if width * FEWEST_PLACES / max(len(metrics), FEWEST_PLACES) < NARROW else 0
    for place, (label, group) in enumerate(bars.items()):
        for line in group:
            x = metrics.index(line.metric) + (place - (len(bars) - 1) / 2) * width
            value = line.paper if label == PAPER else line.ours
            if value is None:
                axis.text(x, 0, f' {line.state}', rotation=90, fontsize=6, color=colours[label],
                          horizontalalignment='center', verticalalignment='bottom')
                continue
            marked = label != PAPER and bool(line.notes)
            bar = axis.bar(x, value, width, color=colours[label], hatch=HATCH if marked else None,
                           edgecolor='white' if marked else None)
            axis.bar_label(bar, fmt='%.1f', fontsize=7, rotation=upright, padding=1)
    axis.set_xticks(range(len(metrics)), metrics, fontsize=8, rotation=30,
                    horizontalalignment='right', rotation_mode='anchor')
    middle, half = (len(metrics) - 1) / 2, max(len(metrics), FEWEST_PLACES) / 2
    axis.set_xlim(middle - half, middle + half)
    axis.margins(y=0.2 if upright else 0.12)
    axis.set_ylim(0, max(axis.get_ylim()[1], 1))  # also where all are 0


def _nothing_measured(groups: Groups) -> Figure:
    """A page that says what became of each benchmark."""
    told = [f'{label}: {line.title}: {line.state}' for label, lines in groups for line in lines]
    figure = Figure(figsize=(7, 0.8 + 0.22 * len(told)), layout='constrained')
    figure.text(0.03, 0.97, '\n'.join(['Nothing was measured yet.', '', *told]), fontsize=9,
                verticalalignment='top')
    return figure
