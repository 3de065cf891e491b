"""Images that could not be read, once more: the user may have mended them since."""

from pathlib import Path
from typing import Dict

import numpy as np

from ..datasets import ImageFiles
from .finishing import is_whole
from .formats import read_features
from .images import Images
from .parts import Part, Parts


def unreadable(broken: Dict[str, str], img_size: int) -> Dict[str, str]:
    """Path -> reason of those of the images ``broken`` that still cannot be read."""
    paths = list(broken)
    files = ImageFiles(paths, img_size)
    seen = (files[row] for row in range(len(paths)))
    return {paths[row]: found for row, found in seen if isinstance(found, str)}


def take_up(out: Path, identity: dict, images: Images, parts: Parts, img_size: int) -> None:
    """Leave the parts that hold, whether of an interrupted run or of the whole file ``out``.

    Those with images that can be read now go, and are made again.

    Raises:
        RecordError: a part is damaged.
    """
    if is_whole(out, identity, parts.folder):  # a whole file to which images are added
        restore(out, images, parts)
    for number in parts.present():
        broken = parts.read(number, False).broken
        if len(unreadable(broken, img_size)) < len(broken):
            parts.file(number).unlink()


def restore(out: Path, images: Images, parts: Parts) -> None:
    """Make the parts that are not there of a whole file."""
    stored = read_features(out)
    places = {name: place for place, name in enumerate(stored.files)}
    for number in parts.missing():
        rows = [row for row in parts.rows(number) if images.names[row] in places]
        at = [places[images.names[row]] for row in rows]
        others = [images.path(row) for row in parts.rows(number)
                  if images.names[row] not in places]
        parts.write(number, Part(
            np.array(rows, np.int64), np.asarray(stored.features[at]),
            None if stored.patches is None else np.asarray(stored.patches[at]),
            {path: stored.about['broken'][path] for path in others}))
