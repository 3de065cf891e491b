"""Where each image lies in tar shards: index.npy and index.json beside them, or NAME.index.*."""

import json
import os
import shlex
from pathlib import Path
from tarfile import BLOCKSIZE, TarInfo
from typing import Dict, Iterable, List, NamedTuple, Tuple

import numpy as np

from ...names import command, printable
from ..image_files import SUFFIXES
from .tar_scan import Part, ShardError, find_shards

MEMBERS, SHARDS = 'index.npy', 'index.json'
FIELDS = dict(name='S', shard='i', offset='i', size='i')  # of a member, and their kinds


class TarIndex(NamedTuple):
    """The images of some shards.

    Attributes:
        shards: their paths.
        members: (N,), by name: ``name`` (its bytes), ``shard`` (a place in ``shards``), ``offset``
            and ``size`` in bytes. Mapped from the file, so that all processes share one copy.
    """

    shards: List[Path]
    members: np.ndarray


def index_files(pack: Path) -> Tuple[Path, Path]:
    """Where the index of a folder of shards lies, or that of one tar: members, and shards."""
    if pack.is_file():
        return pack.with_suffix(f'.{MEMBERS}'), pack.with_suffix(f'.{SHARDS}')
    return pack / MEMBERS, pack / SHARDS


def write_index(pack: Path, scanned: Iterable[Part]) -> int:
    """Write the index of a folder of shards, or of one tar, and count the images.

    Args:
        pack: the folder, or the tar; its index lies beside it.
        scanned: ``scan_shards`` of it.

    Raises:
        ShardError: no image at all, or two of one name.
    """
    sizes: Dict[str, int] = {}
    places: Dict[str, int] = {}
    rows = []
    for shard, members, _ in scanned:
        place = places.setdefault(shard.name, len(places))
        sizes[shard.name] = shard.stat().st_size
        rows += [(os.fsencode(name), place, offset, size) for name, offset, size in members]
    if not rows:
        raise ShardError(f'There is no image ({", ".join(SUFFIXES)}) in the shards of {pack} '
                         f'({", ".join(sizes) or "no *.tar"}).')
    rows.sort()
    for (name, first, *_), (following, second, *_) in zip(rows, rows[1:]):
        if name == following:
            shards = list(sizes)
            raise ShardError(f'{printable(os.fsdecode(name))} is in {shards[first]} and again in '
                             f'{shards[second]} of {pack}: names must be unique, as they tell '
                             'images apart.')
    width = max(len(name) for name, *_ in rows)
    members = np.array(rows, dtype=[('name', f'S{width}'), ('shard', '<i4'), ('offset', '<i8'),
                                    ('size', '<i8')])
    of_members, of_shards = index_files(pack)
    _replace(of_members, lambda file: np.save(file, members))
    content = json.dumps(dict(images=len(members), shards=sizes), indent=1).encode()
    _replace(of_shards, lambda file: file.write(content))
    return len(members)


def _replace(path: Path, write) -> None:
    """Write a file that appears when it is whole."""
    unfinished = path.with_name(f'{path.name}.unfinished')
    with unfinished.open('wb') as file:
        write(file)
    os.replace(unfinished, path)


def read_index(pack: Path) -> TarIndex:
    """The index of a folder of shards, or of one tar: they must be as it was made from them.

    Whoever made shards and index: no member is read that does not lie in its shard.

    Raises:
        ShardError: no index, or a damaged one; shards that are missing, new, of another size, or
            replaced.
    """
    make = f'{command("index")} {shlex.quote(str(pack))}'
    files = index_files(pack)
    names = ', '.join(file.name for file in files)
    if not files[1].is_file():
        raise ShardError(f'{_what(pack)} no index ({names}). Make it once: {make}')
    try:
        indexed, members = _load(*files)
    except Exception as error:  # of a damaged file json and numpy raise anything
        raise ShardError(f'The index of {pack} ({names}) is damaged, or none of ours '
                         f'({type(error).__name__}: {printable(error)}). Make it anew: {make}'
                         ) from error
    found = {shard.name: shard.stat().st_size for shard in find_shards(pack)}
    wrong = sorted(name for name in indexed.keys() | found.keys()
                   if indexed.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise ShardError(
            f'{len(wrong)} shards of {pack} are not as they were indexed; {name} has '
            f'{found.get(name, "no")} bytes now, {indexed.get(name, "no")} in the index. Copy what '
            f'is missing or cut again, or make the index anew: {make}')
    shards = [pack.parent / name if pack.is_file() else pack / name for name in indexed]
    problem = _problem(members, shards, np.array(list(indexed.values())))
    if problem:
        raise ShardError(f'The index of {pack} does not fit its shards: {problem}. Copy what has '
                         f'changed again, or make the index anew: {make}')
    return TarIndex(shards, members)


def _what(pack: Path) -> str:
    return f'The tar {pack} has' if pack.is_file() else f'The shards in {pack} have'


def _load(of_members: Path, of_shards: Path) -> Tuple[Dict[str, int], np.ndarray]:
    """Sizes of the shards, and the members.

    Raises:
        Exception: damaged files; of what they hold, ValueError says what is wrong.
    """
    content = json.loads(of_shards.read_bytes())
    shards = {str(name): int(size) for name, size in content['shards'].items()}
    members = np.asarray(np.load(of_members, mmap_mode='r', allow_pickle=False))
    kinds = {name: kind.kind for name, (kind, *_) in (members.dtype.fields or {}).items()}
    if kinds != FIELDS or members.ndim != 1:
        raise ValueError(f'{MEMBERS} has the type {members.dtype}, {members.ndim} dimensions')
    if len(members) != content['images']:
        raise ValueError(f'{MEMBERS} has {len(members)} images, {SHARDS} {content["images"]}')
    return shards, members


def _problem(members: np.ndarray, shards: List[Path], sizes: np.ndarray) -> str:
    """What shows that members are not where the index says, if anything; looks at each once."""
    place, offset, size = (members[field].astype(np.int64) for field in ('shard', 'offset', 'size'))
    if not ((place >= 0) & (place < len(shards))).all():
        return 'images lie in shards that are not there'
    outside = (offset < BLOCKSIZE) | (size < 0) | (offset > sizes[place] - size)
    if outside.any():
        name = os.fsdecode(members['name'][outside.argmax()].item())
        return (f'{outside.sum()} of {len(members)} images, the first is {printable(name)}, are '
                'to lie beyond the ends of their shards')
    if not (members['name'][1:] > members['name'][:-1]).all():
        return 'the names are not in order'
    for number, row in zip(*np.unique(place, return_index=True)):
        if not _begins(shards[number], int(offset[row]), int(size[row])):
            name = printable(os.fsdecode(members['name'][row].item()))
            return f'{name} is not where it was in {shards[number].name}, which has been replaced'
    return ''


def _begins(shard: Path, offset: int, size: int) -> bool:
    """Whether a file of this size begins there, by the header in front of it."""
    with shard.open('rb') as file:
        file.seek(offset - BLOCKSIZE)
        header = file.read(BLOCKSIZE)
    try:
        return TarInfo.frombuf(header, 'utf-8', 'surrogateescape').size == size
    except Exception:  # no header: tarfile raises anything
        return False
