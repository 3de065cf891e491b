from typing import Dict, Optional, Sequence

import numpy as np
from matplotlib.figure import Figure

from .pictures import fold

RIGHT, WRONG, UNKNOWN = (0.1, 0.6, 0.2), (0.8, 0.1, 0.1), (0, 0, 0)
COLOURS = {True: RIGHT, False: WRONG, None: UNKNOWN}
SIDE = 0.8  # of an image, inches
GAP = 0.3  # before each model, of an image


def plot_neighbours(queries: np.ndarray, neighbours: Dict[str, np.ndarray],
                    correct: Dict[str, Sequence],
                    similarity: Optional[Dict[str, np.ndarray]] = None) -> Figure:
    """Queries in the first column, then for each model the nearest images, framed by their class.

    Args:
        queries: (N, H, W, 3) uint8.
        neighbours: title -> (N, K, H, W, 3) uint8, nearest first.
        correct: title -> (N, K) bool, whether the neighbour has the query's class; None where that
            is not known.
        similarity: title -> (N, K), which is written under them.
    """
    widths = [1.]
    for images in neighbours.values():
        widths += [GAP, *[1.] * images.shape[1]]
    height = 0.85 if similarity is None else 1.05
    figure = Figure(figsize=(sum(widths) * SIDE, len(queries) * height + 0.5), layout='constrained')
    axes = figure.subplots(len(queries), len(widths), squeeze=False, width_ratios=widths)
    for row, query in enumerate(queries):
        _show(axes[row, 0], query, UNKNOWN)
    axes[0, 0].set_title('query')
    first = 1
    for title, images in neighbours.items():
        for axis in axes[:, first]:
            axis.remove()
        first += 1
        axes[0, first].set_title(fold(title, SIDE * images.shape[1], 12), loc='left', fontsize=12)
        for row in range(len(queries)):
            for rank in range(images.shape[1]):
                known = correct[title][row][rank]
                axis = axes[row, first + rank]
                _show(axis, images[row, rank], COLOURS[known if known is None else bool(known)])
                if similarity is not None:
                    axis.set_xlabel(f'{similarity[title][row, rank]:.3f}', fontsize=7)
        first += images.shape[1]
    return figure


def _show(axis, image: np.ndarray, colour: tuple) -> None:
    axis.imshow(image)
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(color=colour, linewidth=3)
