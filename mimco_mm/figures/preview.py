"""Training images, their masks, and maps over them."""

from typing import Dict, Optional, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .pictures import fold

HIDDEN = (178, 204, 255)  # pale blue; a grey would be lost in grey images
SHADE = np.array((214, 39, 40))  # red, half of which covers a masked patch
SIDE = 1.7  # of an image in the figure, inches
LONGEST_TITLE = 24


def expand(mask: np.ndarray, grid: Sequence[int]) -> np.ndarray:
    """(N, h, w) -> (N, H, W) of a finer ``grid``, each cell repeated."""
    rows, columns = (fine // coarse for fine, coarse in zip(grid, mask.shape[1:]))
    return mask.repeat(rows, 1).repeat(columns, 2)


def shade_masked(images: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Images (N, H, W, 3) uint8 with the masked patches, mask (N, h, w) bool, under red glass."""
    covered = expand(mask, images.shape[1:3])[..., None]
    return np.where(covered, (images + SHADE) // 2, images).astype(np.uint8)


def hide_masked(images: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The same with the masked patches in plain blue: what is left for the student to see."""
    covered = expand(mask, images.shape[1:3])[..., None]
    return np.where(covered, HIDDEN, images).astype(np.uint8)


def mean_similarity(similarity: np.ndarray, mask: Optional[np.ndarray]) -> Dict[str, float]:
    """Means of maps (N, H, W) over their 'masked' and 'visible' positions, or over 'all'."""
    if mask is None:
        return dict(all=float(similarity.mean()))
    masked = expand(mask, similarity.shape[1:])
    parts = dict(masked=similarity[masked], visible=similarity[~masked])
    return {name: float(values.mean()) for name, values in parts.items() if len(values)}


def in_words(means: Dict[str, float]) -> str:
    """'masked 0.31, visible 0.45'"""
    rounded = {name: round(value, 2) + 0. for name, value in means.items()}  # + 0: no -0.00
    return ', '.join(f'{name} {value:.2f}' for name, value in rounded.items())


def plot_preview(rows: Dict[str, np.ndarray],
                 names: Sequence[str],
                 title: str,
                 similarity: Optional[Dict[str, np.ndarray]] = None,
                 mask: Optional[np.ndarray] = None) -> Figure:
    """A column for each image, a row for each way to look at it, and below them similarity maps.

    Args:
        rows: title -> images (N, H, W, 3) uint8.
        names: of the images.
        title: of the figure.
        similarity: title -> (N, h, w), drawn over the first row's images with one scale for all.
        mask: (N, h', w') bool, outlined in these maps.
    """
    count = len(names)
    height = len(rows) + len(similarity or ())
    around = 1.4 if similarity else 0.6  # titles, colour bar
    width = max(SIDE * count + 0.4, 5)
    figure = Figure(figsize=(width, SIDE * height + around), layout='constrained')
    axes = figure.subplots(height, count, squeeze=False)
    for row, (label, images) in zip(axes, rows.items()):
        for axis, image in zip(row, images):
            axis.imshow(image)
        row[0].set_ylabel(label)
    for axis, name in zip(axes[0], names):
        axis.set_title(name if len(name) <= LONGEST_TITLE else f'...{name[3 - LONGEST_TITLE:]}',
                       fontsize=8)
    if similarity:
        _draw_maps(figure, axes, next(iter(rows.values())), similarity, mask)
    for axis in axes.flatten():
        axis.set(xticks=[], yticks=[])
    figure.suptitle(fold(title, width, 11), fontsize=11)
    return figure


def _draw_maps(figure: Figure, axes: np.ndarray, images: np.ndarray,
               similarity: Dict[str, np.ndarray], mask: Optional[np.ndarray]) -> None:
    """The last rows: the image in grey, the map over it, the mask's outline, the means."""
    height, width = images.shape[1:3]
    low, high = (bound([bound(maps) for maps in similarity.values()]) for bound in (np.min, np.max))
    for row, (label, maps) in zip(axes[-len(similarity):], similarity.items()):
        row[0].set_ylabel(fold(label, SIDE, 10))
        for index, axis in enumerate(row):
            axis.imshow(images[index].mean(-1), cmap='gray', vmin=0, vmax=255)
            drawn = axis.imshow(maps[index], cmap='viridis', alpha=0.7, vmin=low, vmax=high,
                                extent=(-.5, width - .5, height - .5, -.5))
            one = slice(index, index + 1)
            if mask is not None:
                axis.contour(expand(mask[one], (height, width))[0], [0.5], colors='white',
                             linewidths=1)
            axis.set_title(in_words(mean_similarity(maps[one], mask if mask is None
                                                    else mask[one])), fontsize=8)
    figure.colorbar(drawn, ax=axes, location='bottom', shrink=0.4, aspect=40,
                    ticks=MaxNLocator(5),
                    label='cosine similarity of student and teacher'
                          + ('' if mask is None else "; white: the mask's outline"))
