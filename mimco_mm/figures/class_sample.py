from collections import defaultdict
from typing import Dict, List, Optional, Sequence

import numpy as np

from ..datasets import LabelError
from ..embedding import Images
from ..names import printable


def sample_classes(images: Images, names: Optional[Sequence[str]] = None, count: int = 10,
                   per_class: int = 50, seed: int = 0) -> Dict[str, List[str]]:
    """Some images of some classes.

    Args:
        images: e.g. ImageNet's val.
        names: the classes; ``count`` random ones by default.
        count: how many random ones.
        per_class: so many random images of each at most.
        seed: of both choices. A class gives the same images whatever the other classes.

    Returns:
        {class: paths in order}, in the order of ``names``, or of the alphabet.

    Raises:
        LabelError: a class that is not there, or fewer classes than asked for.
    """
    paths: Dict[str, List[str]] = defaultdict(list)
    for row, name in enumerate(images.classes):
        if name is not None:
            paths[name].append(images.path(row))
    found = sorted(paths)
    shown = f'{", ".join(found[:5])}{" ..." * (len(found) > 5)}' or 'none'
    if names is None:
        if count > len(found):
            raise LabelError(f'{count} classes were asked for, but {printable(images.address)} has '
                             f'{len(found)}: {shown}. Lower --num-classes, or give the folder that '
                             'holds the CLASS folders, e.g. val.')
        rows = np.random.default_rng(seed).choice(len(found), count, replace=False)
        names = [found[row] for row in sorted(rows)]
    unknown = [name for name in names if name not in found]
    if unknown:
        raise LabelError(f'{printable(images.address)} has no image of class {", ".join(unknown)}; '
                         f'it has {len(found)}: {shown}.')
    return {name: _some(paths[name], per_class, seed) for name in names}


def _some(paths: List[str], count: int, seed: int) -> List[str]:
    if len(paths) <= count:
        return paths
    rows = np.random.default_rng(seed).choice(len(paths), count, replace=False)
    return [paths[row] for row in sorted(rows)]
