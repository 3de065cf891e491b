"""The end of a run: one file of all parts, and whether it is there already."""

from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import numpy as np

from ..checkpoints import write_whole
from ..errors import DataError
from ..names import printable
from ..records import RecordError, differences, made_by, read_json, skipped, write_json
from .formats import files_of, record_of, write_csv, write_npy, write_parquet
from .images import Images
from .parts import Parts


def is_whole(out: Path, identity: dict, parts: Path) -> bool:
    """Whether ``out`` is there already, as it is asked for.

    Args:
        out: file of features.
        identity: what it is to be of.
        parts: folder of the parts, of which a run may be making it.

    Raises:
        RecordError: it is of something else, or nothing says what it is of.
    """
    record = record_of(out)
    if not record.is_file():
        if out.exists() and not parts.is_dir():
            raise RecordError(f'{out} is there, and no {record.name} that says what it is of: '
                              'remove it, or give another --out.')
        return False
    told = differences(read_json(record).get('identity'), identity)
    if told:
        raise RecordError(f'{out} is of something else: {"; ".join(told)}. Remove it and {record}, '
                          'or give another --out.')
    return all(one.is_file() for one in files_of(out, identity['patches']).values())


def write_features(out: Path, images: Images, parts: Parts, identity: dict, **about: Any) -> str:
    """Make one file of the parts, write what it is of beside it, and remove them.

    Returns:
        What the user is to read of it.

    Raises:
        DataError: no image could be read.
    """
    broken, shape = summary(parts, identity['patches'])
    if not shape[0]:
        path, why = next(iter(broken.items()))
        raise DataError(f'None of the {len(images.names)} images can be read, the first is '
                        f'{printable(path)} ({why}).')
    files = files_of(out, identity['patches'])
    size = 4 * shape[0] * (shape[1] + int(np.prod(shape[1:])) * identity['patches'])
    write_whole({path: writer(kind, out.suffix, images, parts, shape)
                 for kind, path in files.items()}, size)
    write_json(record_of(out), dict(
        **made_by(), identity=identity, images=shape[0], width=shape[1],
        map_shape=list(shape[1:]) if identity['patches'] else None, broken=broken, **about))
    parts.remove()
    return (f'{skipped(broken)}\nFeatures of {shape[0]} images, {shape[1]} wide, are in '
            f'{" and ".join(map(str, files.values()))}; what they are of is in {record_of(out)}')


def summary(parts: Parts, patches: bool) -> Tuple[Dict[str, str], tuple]:
    """Path -> reason of the images that cannot be read; (N, C) of the others, or (N, C, h, w)."""
    broken: Dict[str, str] = {}
    count = 0
    for part in parts.each():
        broken.update(part.broken)
        count += len(part.rows)
    first = next((part for part in parts.each(patches) if len(part.rows)), None)
    if first is None:
        return broken, (0, )
    return broken, (count, *(first.maps if patches else first.features).shape[1:])


def writer(kind: str, suffix: str, images: Images, parts: Parts,
           shape: tuple) -> Callable[[Path], None]:
    """What writes one of ``files_of``, of so many features, or of maps."""
    maps = len(shape) == 4 and (kind == 'patches' or suffix == '.parquet')
    whole = (part for part in parts.each(maps) if len(part.rows))
    if suffix == '.parquet':
        return lambda path: write_parquet(path, images, whole)
    if kind == 'files':
        return lambda path: write_csv(path, images, whole, 0)
    if suffix == '.csv':
        return lambda path: write_csv(path, images, whole, shape[1])
    if kind == 'patches':
        return lambda path: write_npy(path, (part.maps for part in whole), shape)
    return lambda path: write_npy(path, (part.features for part in whole), shape[:2])
