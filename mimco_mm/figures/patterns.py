"""Figure 4 of the paper: the patches of other images that are most similar to a query patch."""

from typing import Dict, List, NamedTuple, Sequence

import numpy as np
from matplotlib.figure import Figure

from .pictures import fold

# Around the patch, px and colour, the outer one first. iBOT's drawing, which the paper follows,
# puts orange over the patch, and so hides what is compared.
OUTLINE = ((3, (0, 0, 0)), (2, (255, 140, 0)))
OUTSIDE = 205  # grey, where the image ends: black could be of the image
QUERY = (0, 90, 255)  # the frame of the query's tile
CONTEXT = 80  # px of the image shown around each patch (paper section 5; iBOT)
GAP = 4  # px between tiles
PANEL = 3.4  # inches


class Box(NamedTuple):
    """A patch of an image, in px."""

    left: int
    top: int
    side: int


def patch_box(patch: int, stride: int, img_size: int) -> Box:
    """Where a patch of ``stride`` px is, of those that are numbered row by row."""
    row, column = divmod(patch, img_size // stride)
    return Box(column * stride, row * stride, stride)


def context_tile(image: np.ndarray, box: Box, context: int = CONTEXT) -> np.ndarray:
    """The patch, outlined in the centre of its surroundings, which are grey where the image ends.

    All pixels of the patch are the image's own.

    Args:
        image: (H, W, 3) uint8, RGB.
        box: of the patch.
        context: side of the tile in px, not below that of the patch.
    """
    left, top, side = box
    margin = (context - side) // 2
    padded = np.pad(image, ((context, context), (context, context), (0, 0)),
                    constant_values=OUTSIDE)
    tile = padded[context + top - margin:, context + left - margin:][:context, :context].copy()
    inside = np.s_[margin:margin + side, margin:margin + side]
    patch = tile[inside].copy()
    for width, colour in OUTLINE:
        around = slice(max(margin - width, 0), margin + side + width)
        tile[around, around] = colour
    tile[inside] = patch
    return tile


def mosaic(tiles: Sequence[np.ndarray], places: int) -> np.ndarray:
    """Tiles (s, s, 3) row by row in a square of ``places``, the first one, the query, framed."""
    side, columns = len(tiles[0]), int(np.ceil(places**0.5))
    rows = -(-places // columns)
    whole = np.full((rows * (side + GAP) + GAP, columns * (side + GAP) + GAP, 3), 255, np.uint8)
    whole[:side + 2 * GAP, :side + 2 * GAP] = QUERY
    for number, tile in enumerate(tiles):
        top, left = (GAP + (side + GAP) * place for place in divmod(number, columns))
        whole[top:top + side, left:left + side] = tile
    return whole


def plot_patterns(mosaics: Dict[str, List[np.ndarray]], queries: Sequence[str]) -> Figure:
    """A column for each model and a row for each query.

    Args:
        mosaics: title -> mosaic of each query, see ``mosaic``.
        queries: what the rows are called.
    """
    figure = Figure(figsize=(PANEL * len(mosaics) + 0.3, PANEL * len(queries) + 0.5),
                    layout='constrained')
    axes = figure.subplots(len(queries), len(mosaics), squeeze=False)
    for column, (title, panels) in zip(axes.T, mosaics.items()):
        column[0].set_title(fold(title, PANEL, 11), fontsize=11)
        for axis, panel in zip(column, panels):
            axis.imshow(panel)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    for axis, name in zip(axes[:, 0], queries):
        axis.set_ylabel(fold(name, PANEL, 8), fontsize=8)
    legend = 'in blue the query; outlined in orange the patch that is compared; grey: no image'
    figure.supxlabel(fold(legend, PANEL * len(mosaics), 8), fontsize=8)
    return figure
