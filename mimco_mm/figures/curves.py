import re
from typing import Dict, Iterator, List, Optional

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..tables import epoch_length
from .pictures import distinct_colours, fold, legend_columns

# Logged beside the quantities that a run is watched by.
BOOKKEEPING = {'base_lr', 'data_time', 'epoch', 'iter', 'memory', 'step', 'time'}
ORDER = ('loss', 'lr', 'momentum', 'grad_norm', 'health/', 'knn/')
HEALTH = 'health/'  # measured in some iterations, and logged until they are measured again
COLUMNS = 4  # panels in a row
WIDTH = 3.6  # of a panel, inches


def plot_runs(runs: Dict[str, List[dict]], accuracies: Dict[str, float]) -> Figure:
    """Left, the loss of each run over its epochs, from 0 to 1; right, accuracies as bars.

    Losses of different methods have different scales, so each curve is divided by its first value.

    Args:
        runs: title -> scalars, see ``read_scalars``.
        accuracies: title -> percent.
    """
    figure = Figure(figsize=(10, 4), layout='constrained')
    left, right = figure.subplots(1, 2)
    for title, scalars in runs.items():
        steps, losses = series(scalars, 'loss')
        if not len(steps):
            continue
        left.plot(steps / steps[-1], losses / losses[0], label=title)
    left.set(xlabel='part of the training', ylabel='loss / first loss', title='Training')
    left.legend()
    bars = right.bar(list(accuracies), list(accuracies.values()), color='tab:blue')
    right.bar_label(bars, fmt='%.1f')
    right.margins(y=0.1)
    right.set(ylabel='k-NN accuracy, %', title='Frozen features')
    return figure


def plot_curves(runs: Dict[str, List[dict]],
                x: str = 'iteration',
                window: Optional[int] = None) -> Figure:
    """A panel for each scalar, or for the two logits of a contrastive loss; a colour for each run.

    Faint, the logged values; over them, their moving mean.

    Args:
        runs: title -> scalars, see ``read_scalars``.
        x: 'iteration' or 'epoch'.
        window: logged values that the moving mean is of; by default some 1 in 25.

    Raises:
        ValueError: ``x`` is 'epoch', and a run has logged less than two of them.
    """
    panels = panels_of(runs)
    rows, columns = -(-len(panels) // COLUMNS), min(len(panels), COLUMNS)
    figure = Figure(figsize=(WIDTH * columns, 2.6 * rows + 0.4), layout='constrained')
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True).flatten()
    for axis in axes[len(panels):]:
        axis.remove()
    colours = distinct_colours(len(runs))
    for colour, scalars in zip(colours, runs.values()):
        scale = epoch_length(scalars) if x == 'epoch' else 1
        for axis, names in zip(axes, panels.values()):
            for name in names:
                _draw(axis, *series(scalars, name), scale, window, colour,
                      '--' if name.endswith('negative_logit') else '-')
    for axis, (panel, names) in zip(axes, panels.items()):
        lost = sum(_not_finite(scalars, name) for scalars in runs.values() for name in names)
        title = panel + ', negative dashed' * (len(names) > 1) + f', {lost} not finite' * bool(lost)
        axis.set_title(fold(title, WIDTH, 10), fontsize=10)
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=8, labelbottom=True)
        if not any(len(line.get_xdata()) for line in axis.lines):
            axis.text(0.5, 0.5, 'no finite value was logged', transform=axis.transAxes,
                      horizontalalignment='center', fontsize=9)
            axis.set_yticks([])
    axes[0].xaxis.set_major_locator(  # of all panels
        MaxNLocator('auto', steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    figure.supxlabel(x, fontsize=10)
    if len(runs) > 1:
        handles = [Line2D([], [], color=colour) for colour in colours]
        labels = [fold(title, WIDTH * columns - 1, 10) for title in runs]
        figure.legend(handles, labels, loc='outside upper center',
                      ncols=legend_columns(labels, WIDTH * columns, 10))
    else:
        figure.suptitle(fold(next(iter(runs)), WIDTH * columns, 12))
    return figure


def panels_of(runs: Dict[str, List[dict]]) -> Dict[str, List[str]]:
    """Title of a panel -> names of its scalars, of all runs, in the order in which to look."""
    names = {name for scalars in runs.values() for line in scalars for name in line} - BOOKKEEPING
    places = {name: next((place for place, prefix in enumerate(ORDER) if name.startswith(prefix)),
                         len(ORDER)) for name in names}
    panels: Dict[str, List[str]] = {}
    for name in sorted(names, key=lambda name: (places[name], name)):
        panel = re.sub('(positive|negative)_logit$', 'logits', name)
        panels.setdefault(panel, []).append(name)
    return panels


def series(scalars: List[dict], name: str) -> tuple:
    """Steps (N,) and values (N,) of one scalar, where a finite one was logged for the first time.
    """
    logged = [(line['step'], line[name]) for line in _lines_with(scalars, name)
              if np.isfinite(line[name])]
    return tuple(np.array(logged, float).reshape(-1, 2).T)


def _not_finite(scalars: List[dict], name: str) -> int:
    return sum(not np.isfinite(line[name]) for line in _lines_with(scalars, name))


def _lines_with(scalars: List[dict], name: str) -> Iterator[dict]:
    """The lines that have a scalar; those of the same health as the line before are left out."""
    before = None
    for line in scalars:
        if name in line:
            health = {key: value for key, value in line.items() if key.startswith(HEALTH)}
            if not name.startswith(HEALTH) or health != before:
                yield line
            before = health


def moving_mean(values: np.ndarray, window: int) -> np.ndarray:
    """(N,) -> (N,): mean of the ``window`` values around each, of those that there are."""
    ones = np.ones(max(1, min(window, len(values))))
    return np.convolve(values, ones, 'same') / np.convolve(np.ones(len(values)), ones, 'same')


def _draw(axis: Axes, steps: np.ndarray, values: np.ndarray, scale: float, window: Optional[int],
          colour: np.ndarray, style: str) -> None:
    if not len(steps):
        return
    axis.plot(steps / scale, values, style, color=colour, alpha=0.25, linewidth=0.8)
    window = window or 2 * (len(values) // 50) + 1  # odd ones are centred
    axis.plot(steps / scale, moving_mean(values, window), style, color=colour, linewidth=1.5,
              marker='.' if len(steps) < 15 else None)
