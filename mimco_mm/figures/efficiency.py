"""Figure 2: accuracy after fine-tuning over effective epochs, the paper's points and own ones."""

from typing import Dict, List, NamedTuple, Optional, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import ConfigError
from ..tables import TABLE_1, Result, objections
from .pictures import fold

NETWORKS = {'swin-t': 'Swin-T', 'swin-b': 'Swin-B', 'vit-s': 'ViT-S/16', 'vit-b': 'ViT-B/16'}
SUPERVISED = 'Sup.'
# Method -> marker and colour, in the legend's order.
STYLES = {'MoBY': ('s', 'C0'), 'MoCo v3': ('h', 'C6'), 'SimMIM': ('o', 'C2'), 'MAE': ('p', 'C9'),
          'BEiT': ('v', 'C5'), 'DINO': ('^', 'C1'), 'iBOT': ('D', 'C4'),
          'SimMIM + MoBY': ('P', 'C8'), 'MimCo': ('*', 'C3')}
# Of methods that a user has named himself; twelve pairs, for 4 and 3 have no common divisor.
OTHER_MARKERS, OTHER_COLOURS = ('X', '<', '>', 'd'), ('C7', 'navy', 'darkgreen')
# Points; the large ones stay visible around a small one at the same place, as DINO's in MAE's.
LARGE, SMALL = 13, 8
LARGE_MARKERS = '*p'
LEGEND = 1.7  # inches of its text


class Point(NamedTuple):
    """One fine-tuning on ImageNet-1K.

    Attributes:
        network: one of ``NETWORKS``.
        method: as Table 1 names it.
        epochs: of the pre-training; None for training with labels alone.
        effective_epochs: see ``effective_epochs``; None likewise.
        top1: percent.
        source: 'paper', or the file that it is read from.
    """

    network: str
    method: str
    epochs: Optional[int]
    effective_epochs: Optional[int]
    top1: float
    source: str


def paper_points(networks: Sequence[str]) -> List[Point]:
    """Table 1's rows of these networks."""
    return [Point(row.network, row.method, row.epochs, row.effective_epochs, row.values['top1'],
                  'paper') for row in TABLE_1 if row.network in networks]


def own_points(run: dict, results: List[Result], networks: Sequence[str]) -> List[Point]:
    """The fine-tunings on ImageNet of one suite of transfers.

    Args:
        run: see ``read_run``.
        results: see ``read_results``.
        networks: that are drawn.

    Raises:
        ValueError: there is nothing to draw; the message says why.
    """
    found = [result for result in results
             if result.benchmark == 'imagenet' and 'top1' in result.values]
    if run['network'] not in networks:
        raise ConfigError(f'it is of {run["network"]}, not of {", ".join(networks)}: --network '
                          'chooses')
    if not found:
        raise ConfigError('it has no result on ImageNet; --suite imagenet of '
                          'tools/transfers/run.sh makes one')
    if run['effective_epochs'] is None:
        raise ConfigError('its effective epochs are not known, which the type of the algorithm and '
                          "the name of the teacher's file tell; write `effective_epochs` into its "
                          'run.json by hand')
    for result in found:
        reasons = objections(run, result)
        if not result.is_of(run):
            reasons.insert(0, 'it is of another checkpoint than its run.json')
        if reasons:
            raise ConfigError("its result on ImageNet cannot stand beside the paper's: "
                             + '; '.join(reasons))
    return [Point(run['network'], run['method'], run['epochs'], run['effective_epochs'],
                  result.values['top1'], result.source) for result in found]


def plot_efficiency(points: List[Point]) -> Figure:
    """A panel for each network: the paper's points hollow and joined, others filled.

    Args:
        points: of ``paper_points`` and ``own_points``.
    """
    networks = list(dict.fromkeys(point.network for point in points))
    columns = min(len(networks), 2)
    rows = -(-len(networks) // columns)
    figure = Figure(figsize=(5.2 * columns + 1.5, 3.9 * rows), layout='constrained')
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    styles = _styles(points)
    for axis in axes[len(networks):]:
        axis.remove()
    for axis, network in zip(axes, networks):
        _draw(axis, [point for point in points if point.network == network], styles)
        axis.set_title(NETWORKS[network])
    figure.supxlabel('effective pre-training epochs')
    figure.supylabel('top-1 accuracy on ImageNet-1K\nafter fine-tuning, %')
    figure.legend(handles=[Line2D([], [], **style) for style in styles.values()],
                  loc='outside right upper', fontsize=9)
    return figure


def _draw(axis: Axes, points: List[Point], styles: Dict[tuple, dict]) -> None:
    groups: Dict[tuple, List[Point]] = {}
    for point in points:
        groups.setdefault((point.method, point.source == 'paper'), []).append(point)
    for kind, group in groups.items():
        if kind[0] == SUPERVISED:
            axis.axhline(group[0].top1, **styles[kind])
            continue
        group = sorted(group, key=lambda point: point.effective_epochs)
        axis.plot([point.effective_epochs for point in group], [point.top1 for point in group],
                  zorder=2 if kind[1] else 3, **styles[kind])
    axis.grid(alpha=0.3)
    axis.margins(y=0.12)
    axis.set_xlim(0, 1.1 * max(point.effective_epochs or 0 for point in points))


def _styles(points: List[Point]) -> Dict[tuple, dict]:
    """(method, whether it is the paper's) -> how it is drawn, in the legend's order.

    The paper's methods come first, then own ones, each in one order.
    """
    found = {(point.method, point.source == 'paper') for point in points}
    others = sorted({method for method, _ in found} - {SUPERVISED, *STYLES})
    looks = {**STYLES, **{method: (OTHER_MARKERS[number % len(OTHER_MARKERS)],
                                   OTHER_COLOURS[number % len(OTHER_COLOURS)])
                          for number, method in enumerate(others)}}
    order = [SUPERVISED, *looks]
    return {kind: _style(*kind, *looks.get(kind[0], (None, None)))
            for kind in sorted(found, key=lambda kind: (not kind[1], order.index(kind[0])))}


def _style(method: str, from_paper: bool, marker: Optional[str], colour: Optional[str]) -> dict:
    """Of the line and markers of a method's points, and of its entry in the legend."""
    if method == SUPERVISED:
        return dict(color='black', linestyle=':', label=f'{method}, paper')
    style = dict(color=colour, marker=marker,
                 markersize=LARGE if marker in LARGE_MARKERS else SMALL,
                 label=fold(f'{method}, {"paper" if from_paper else "own"}', LEGEND, 9))
    if from_paper:
        return dict(style, markerfacecolor='none', linewidth=1.2)
    return dict(style, markeredgecolor='black', linestyle='none')


def points_table(points: List[Point]) -> str:
    """The points as text, one a line."""
    lines = [f'{"network":9}{"method":13}{"epochs":>7}{"effective":>11}{"top-1, %":>10}  from']
    for point in points:
        epochs, effective = ('-' if value is None else value
                             for value in (point.epochs, point.effective_epochs))
        lines.append(f'{point.network:9}{point.method:13}{epochs:>7}{effective:>11}'
                     f'{point.top1:10.2f}  {point.source}')
    return '\n'.join(lines)
