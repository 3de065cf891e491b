"""What all pictures share: the file, colours that differ, and text that fits."""

import textwrap
from pathlib import Path
from typing import Sequence

import numpy as np
from matplotlib import colormaps

from ..errors import ConfigError
from ..records import is_record

FORMATS = ('.png', '.svg', '.pdf')
LETTER = 0.7  # width of a letter, of the size of its font: the mean is 0.6, and there is room
POINTS = 72  # an inch


def picture_file(path: Path, has_record: bool = False) -> Path:
    """``path``, when it can become a picture; its folder is made.

    Args:
        path: where it goes.
        has_record: whether ``write_record`` writes beside it.

    Raises:
        ConfigError: the suffix is of no format for pictures, or the record's name is taken.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f'a picture is one of {", ".join(FORMATS)} by its suffix, got '
                          f'--out {path}')
    record = path.with_suffix('.json')
    if has_record and record.exists() and not is_record(record):
        raise ConfigError(f'{record}, where the figures behind the picture would go, is something '
                          'else: give another --out')
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def distinct_colours(count: int) -> np.ndarray:
    """(count, 3), each once: matplotlib's ten, or as many of a rainbow."""
    if count <= 10:
        return np.array(colormaps['tab10'].colors[:count])
    return colormaps['turbo'](np.linspace(0, 1, count))[:, :3]


def fold(text: str, inches: float, size: float) -> str:
    """``text`` in lines that are no wider than ``inches`` in a font of ``size`` points."""
    return '\n'.join(textwrap.wrap(text, max(1, int(inches * POINTS / (LETTER * size)))))


def legend_columns(labels: Sequence[str], inches: float, size: float) -> int:
    """How many columns of a legend with these labels fit into ``inches``, at least one."""
    lines = [line for label in labels for line in label.split('\n')]
    letters = max(map(len, lines)) + 6  # the handle, the gap to the next column
    return max(1, min(len(labels), int(inches * POINTS / (LETTER * size * letters))))
