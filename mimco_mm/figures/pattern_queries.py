"""Which patches are looked for in Figure 4: given ones, or random ones that are not dark."""

import re
from typing import List, NamedTuple

import numpy as np

from ..datasets import ImageFiles
from ..errors import ConfigError
from .bank import Bank

DARK = 40  # of 255; patches whose HSV value is no more than this on average show nothing (iBOT)


class Query(NamedTuple):
    """A pixel of an image as the network sees it; the patch that holds it is looked for.

    Attributes:
        path: of the image.
        row: its place in the list of images; -1 if it is not there.
        x: to the right of the crop's left edge, in px.
        y: down from its top edge, in px.
    """

    path: str
    row: int
    x: int
    y: int

    def __str__(self) -> str:
        return f'{self.path}:{self.x},{self.y}'

    def patch(self, stride: int, img_size: int) -> int:
        """The number, row by row, of the patch of ``stride`` px that holds the pixel."""
        return self.y // stride * (img_size // stride) + self.x // stride


def parse_query(text: str, bank: Bank, img_size: int) -> Query:
    """A query from ``IMAGE:X,Y``; IMAGE is a path in the bank, or of any other file.

    Raises:
        ValueError: of another form, no such image, or a pixel outside the crop.
    """
    found = re.fullmatch(r'(.+):(\d+),(\d+)', text)
    if not found:
        raise ConfigError(f'a query is IMAGE:X,Y with X and Y in px of the crop, got {text!r}')
    x, y = int(found[2]), int(found[3])
    if max(x, y) >= img_size:
        raise ConfigError(f'the query {text!r} is outside the crop, whose X and Y go from 0 to '
                          f'{img_size - 1}')
    path = bank.find(found[1])
    return Query(path, bank.rows.get(path, -1), x, y)


def draw_queries(images: ImageFiles, count: int, side: int, seed: int) -> List[Query]:
    """Random patches of ``side`` px, one an image, none of them dark.

    Raises:
        ValueError: fewer than ``count`` images have given one.
    """
    rng = np.random.default_rng(seed)
    queries: List[Query] = []
    for row in rng.permutation(len(images)):
        left, top = rng.integers(images.img_size // side, size=2) * side
        _, pixels = images[int(row)]
        if isinstance(pixels, str):  # broken: it is named when its turn comes
            continue
        value = pixels[top:top + side, left:left + side].max(-1).mean()
        if value > DARK:
            queries.append(Query(images.paths[row], int(row), int(left) + side // 2,
                                 int(top) + side // 2))
        if len(queries) == count:
            return queries
    raise ConfigError(f'{count} queries were asked for, and of {len(images)} images {len(queries)} '
                      'gave one: the others are broken, or dark at the patch that was drawn')
