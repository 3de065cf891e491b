"""Figure 2: accuracy after fine-tuning over effective epochs."""

from typing import Dict, List, Optional

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .efficiency_points import Point
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


def plot_efficiency(points: List[Point]) -> Figure:
    """A panel for each network: the paper's points hollow and joined, others filled.

    Args:
        points: see ``efficiency_points``.
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
