"""The end of a run: one file of all parts, and whether it is there already."""

import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

from ..checkpoints import write_whole
from ..errors import DataError
from ..names import printable
from ..records import RecordError, differences, made_by, read_json, skipped, write_json
from .formats import as_text, files_of, record_of, write_csv, write_npy, write_parquet
from .images import Images
from .parts import Parts

FINISHING = 'finishing'  # among the parts, from when files at ``out`` are the run's own


def is_whole(out: Path, identity: dict, parts: Path) -> bool:
    """Whether ``out`` is there already, as it is asked for.

    Args:
        out: file of features.
        identity: what it is to be of, as JSON has it.
        parts: folder of the parts, of which a run may be making it.

    Raises:
        RecordError: it is of something else, or damaged, or nothing says what it is of.
    """
    record, files = record_of(out), list(files_of(out, identity['patches']).values())
    ours = (parts / FINISHING).is_file()  # a run was ended as it put them there
    if not record.is_file():
        if not ours:
            refuse_others(out)
        return False
    about = read_json(record)
    if not isinstance(about.get('identity'), dict):
        raise RecordError(f'{record} does not say what {out} is of: remove both, or give another '
                          '--out.')
    told = differences(about['identity'], identity)
    if told:
        held = ', '.join(map(str, present(out)))
        raise RecordError(f'{out} is of something else: {"; ".join(told)}. Remove '
                          f'{f"{held} and " * bool(held)}{record}, or give another --out.')
    written = about.get('bytes', {})
    cut = [f'{file} has {file.stat().st_size} bytes, not {written.get(file.name)} as written'
           for file in files if file.is_file() and file.stat().st_size != written.get(file.name)]
    if cut and not ours:
        raise RecordError(f'{"; ".join(cut)}: it is damaged, or was changed. Remove it, and run '
                          'the command again.')
    return not cut and all(file.is_file() for file in files)


def present(out: Path) -> List[Path]:
    """The files that are there of all that may stand at ``out``."""
    return [file for file in files_of(out, out.suffix == '.npy').values() if os.path.lexists(file)]


def refuse_others(out: Path) -> None:
    """Raises RecordError: files are in the way of which nothing says what they are of."""
    held = present(out)
    if held:
        raise RecordError(f'{", ".join(map(str, held))}: there already, and no '
                          f'{record_of(out).name} that says what it is of. Remove it, or give '
                          'another --out.')


def write_features(out: Path, images: Images, parts: Parts, identity: dict, **about: Any) -> str:
    """Make one file of the parts, and write what it is of beside it.

    Returns:
        What was written, for the user to read.

    Raises:
        DataError: no image could be read.
        RecordError: files of something else have come into the way.
    """
    broken, shape = summary(parts, identity['patches'])
    if not shape[0]:
        path, why = next(iter(broken.items()))
        raise DataError(f'None of the {len(images.names)} images can be read, the first is '
                        f'{printable(path)} ({why}).')
    files = files_of(out, identity['patches'])
    size = 4 * shape[0] * (shape[1] + int(np.prod(shape[1:])) * identity['patches'])
    if not record_of(out).is_file() and not (parts.folder / FINISHING).is_file():
        refuse_others(out)
    (parts.folder / FINISHING).touch()
    write_whole({path: writer(kind, out.suffix, images, parts, shape)
                 for kind, path in files.items()}, size)
    write_json(record_of(out), dict(
        **made_by(), identity=identity, images=shape[0], width=shape[1],
        map_shape=list(shape[1:]) if identity['patches'] else None, broken=broken,
        bytes={file.name: file.stat().st_size for file in files.values()},
        names=not_utf8(images, parts), **about))
    return f'{skipped(broken)}\nFeatures of {shape[0]} images, {shape[1]} wide'


def not_utf8(images: Images, parts: Parts) -> Dict[str, list]:
    """Row of the file -> path and class there, of names that no text in UTF-8 can hold."""
    rows = (row for part in parts.each() for row in part.rows)
    found = ((place, [images.names[row], images.classes[row]]) for place, row in enumerate(rows))
    return {str(place): names for place, names in found
            if any(as_text(name) != name for name in names)}


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
