from pathlib import Path
from typing import Dict, List, Optional, Sequence

import numpy as np

from .class_names import LabelError
from .image_files import is_hidden
from .listing import find_images


def sample_classes(folder: Path, names: Optional[Sequence[str]] = None, count: int = 10,
                   per_class: int = 50, seed: int = 0) -> Dict[str, List[str]]:
    """Images of some classes, of those whose images lie in ``folder``/CLASS.

    Args:
        folder: e.g. ImageNet's val.
        names: the classes; ``count`` random ones by default.
        count: how many random ones.
        per_class: so many random images of each at most.
        seed: of both choices. A class gives the same images whatever the other classes.

    Returns:
        {class: paths in order}, in the order of ``names``, or of the alphabet.

    Raises:
        LabelError: no such folder, a class that it does not have, fewer classes than asked for, or
            a class without an image.
    """
    if not folder.is_dir():
        raise LabelError(f'There is no folder {folder} (seen from {Path.cwd()}); expected one of '
                         'CLASS folders with images.')
    found = sorted(path.name for path in folder.iterdir()
                   if path.is_dir() and not is_hidden(path.name))
    if names is None:
        if count > len(found):
            raise LabelError(f'{count} classes were asked for, but {folder} has {len(found)} '
                             f'folders: {", ".join(found[:5])}{" ..." * (len(found) > 5)}. Lower '
                             '--num-classes, or give the folder that holds the CLASS folders, '
                             'e.g. val.')
        rows = np.random.default_rng(seed).choice(len(found), count, replace=False)
        names = [found[row] for row in sorted(rows)]
    unknown = [name for name in names if name not in found]
    if unknown:
        raise LabelError(f'{folder} has no class {", ".join(unknown)}; it has {len(found)}: '
                         f'{", ".join(found[:5])}{" ..." * (len(found) > 5)}.')
    return {name: _some(folder / name, per_class, seed) for name in names}


def _some(folder: Path, count: int, seed: int) -> List[str]:
    try:
        paths = find_images(folder)
    except FileNotFoundError as error:
        raise LabelError(str(error)) from error
    if len(paths) <= count:
        return paths
    rows = np.random.default_rng(seed).choice(len(paths), count, replace=False)
    return [paths[row] for row in sorted(rows)]
