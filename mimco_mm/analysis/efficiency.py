"""Figure 2: accuracy after fine-tuning over effective epochs, the paper's points and own ones."""

from typing import Dict, List, NamedTuple, Optional, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .comparable import objections
from .paper import TABLE_1
from .results import Result

NETWORKS = {'swin-t': 'Swin-T', 'swin-b': 'Swin-B', 'vit-s': 'ViT-S/16', 'vit-b': 'ViT-B/16'}
SUPERVISED = 'Sup.'
# Method -> marker and colour, in the legend's order; MimCo's two teachers share theirs.
STYLES = {'MoBY': ('s', 'C0'), 'MoCo v3': ('s', 'C0'), 'SimMIM': ('o', 'C2'), 'MAE': ('p', 'C9'),
          'BEiT': ('v', 'C5'), 'DINO': ('^', 'C1'), 'iBOT': ('D', 'C4'),
          'SimMIM + MoBY': ('P', 'C8'), 'MimCo': ('*', 'C3')}
OTHER = ('X', 'C7')  # of a method that a user has named himself


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
        raise ValueError(f'it is of {run["network"]}, not of {", ".join(networks)}: --network '
                         'chooses')
    if not found:
        raise ValueError('it has no result on ImageNet; --suite imagenet of '
                         'tools/benchmarks/run.sh makes one')
    if run['effective_epochs'] is None:
        raise ValueError('its effective epochs are not known, which the type of the algorithm and '
                         "the name of the teacher's file tell; write `effective_epochs` into its "
                         'run.json by hand')
    for result in found:
        reasons = objections(run, result)
        if not result.is_of(run):
            reasons.insert(0, 'it is of another checkpoint than its run.json')
        if reasons:
            raise ValueError("its result on ImageNet cannot stand beside the paper's: "
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
    for axis, network in zip(axes, networks):
        _draw(axis, [point for point in points if point.network == network])
        axis.set_title(NETWORKS[network])
    figure.supxlabel('effective pre-training epochs')
    figure.supylabel('top-1 accuracy on ImageNet-1K\nafter fine-tuning, %')
    figure.legend(handles=_legend(points), loc='outside right upper', fontsize=9)
    return figure


def _draw(axis: Axes, points: List[Point]) -> None:
    by_style: Dict[tuple, List[Point]] = {}
    for point in points:
        by_style.setdefault((point.method, point.source == 'paper'), []).append(point)
    for (method, from_paper), group in by_style.items():
        if method == SUPERVISED:
            axis.axhline(group[0].top1, **_style(method, from_paper))
            continue
        group = sorted(group, key=lambda point: point.effective_epochs)
        axis.plot([point.effective_epochs for point in group], [point.top1 for point in group],
                  zorder=2 if from_paper else 3, **_style(method, from_paper))
    axis.grid(alpha=0.3)
    axis.margins(y=0.12)
    axis.set_xlim(0, 1.1 * max(point.effective_epochs or 0 for point in points))


def _style(method: str, from_paper: bool) -> dict:
    """Of the line and markers of a method's points, and of its entry in the legend."""
    if method == SUPERVISED:
        return dict(color='black', linestyle=':', label=f'{method}, paper')
    marker, colour = STYLES.get(method, OTHER)
    size = 13 if marker == '*' else 8
    if from_paper:
        return dict(color=colour, marker=marker, markersize=size, markerfacecolor='none',
                    linewidth=1.2, label=f'{method}, paper')
    return dict(color=colour, marker=marker, markersize=size, markeredgecolor='black',
                linestyle='none', label=f'{method}, own')


def _legend(points: List[Point]) -> List[Line2D]:
    """The paper's methods, then the own ones, each in one order."""
    order = {method: place for place, method in enumerate([SUPERVISED, *STYLES])}
    found = {(point.method, point.source == 'paper') for point in points}
    return [Line2D([], [], **_style(*style)) for style in sorted(found, key=lambda style: (
        not style[1], order.get(style[0], len(order)), style[0]))]


def points_table(points: List[Point]) -> str:
    """The points as text, one a line."""
    lines = [f'{"network":9}{"method":13}{"epochs":>7}{"effective":>11}{"top-1, %":>10}  from']
    for point in points:
        epochs, effective = ('-' if value is None else value
                             for value in (point.epochs, point.effective_epochs))
        lines.append(f'{point.network:9}{point.method:13}{epochs:>7}{effective:>11}'
                     f'{point.top1:10.2f}  {point.source}')
    return '\n'.join(lines)
