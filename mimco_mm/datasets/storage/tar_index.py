"""Where each image lies in a folder of tar shards: index.npy and index.json beside them."""

import json
import os
import posixpath
import tarfile
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from ...errors import UserError
from ...names import printable
from ..image_files import SUFFIXES, is_hidden
from ..listing import HIDDEN, LINK, SPECIAL, Ignored

MEMBERS, SHARDS = 'index.npy', 'index.json'
TO_FOLDER = 'links to folders'  # in a tar; in a folder they are followed
END = 2 * tarfile.BLOCKSIZE  # zeros that end every tar
Member = Tuple[str, int, int]  # name, offset and size in bytes


class ShardError(UserError, OSError):
    """Shards or their index are missing, cut or changed; the message says what mends it."""


class TarIndex(NamedTuple):
    """The images of some shards.

    Attributes:
        shards: their paths.
        members: (N,), by name: ``name`` (its bytes), ``shard`` (a place in ``shards``), ``offset``
            and ``size`` in bytes. Mapped from the file, so that all processes share one copy.
    """

    shards: List[Path]
    members: np.ndarray


def find_shards(folder: Path) -> List[Path]:
    return sorted(path for path in folder.glob('*.tar') if not is_hidden(path.name))


def scan_shard(shard: Path, ignored: Optional[Ignored] = None) -> List[Member]:
    """The images of one shard.

    A hard or symbolic link is what it names in the shard. An image without a folder that has a
    class beside it (KEY.jpg, KEY.cls) is named CLASS/KEY.jpg: like this, folders are the classes
    in all shards.

    Args:
        shard: a tar.
        ignored: counts what is left out: members of other endings or hidden ones, links to folders
            or to what is not there, and so on.

    Raises:
        ShardError: no tar, a compressed one, or one that is cut.
    """
    if not shard.is_file():
        raise ShardError(f'{shard} is no file, or a link to nothing.')
    ignored = Ignored() if ignored is None else ignored
    images, classes = [], {}
    try:
        with tarfile.open(shard, 'r:') as tar:
            members = _members(tar)
            if shard.stat().st_size < tar.offset - tarfile.BLOCKSIZE + END:
                raise tarfile.ReadError('the end is missing')
            for name, member in members:
                if is_hidden(name):
                    ignored.others[HIDDEN] += 1
                elif isinstance(member, str):
                    ignored.others[member] += 1
                elif name.endswith('.cls') and '/' not in name:
                    tar.fileobj.seek(member.offset_data)
                    classes[name.partition('.')[0]] = os.fsdecode(
                        tar.fileobj.read(member.size))
                elif name.lower().endswith(SUFFIXES):
                    images.append((name, member.offset_data, member.size))
                else:
                    ignored.add_file(name)
    except tarfile.TarError as error:
        raise ShardError(f'{shard} is no tar, compressed or cut ({error}): expected a plain tar '
                         'of images. Copy or make it again.') from error

    def classified(name: str) -> str:
        label = None if '/' in name else classes.get(name.partition('.')[0])
        return name if label is None else f'{label.strip()}/{name}'

    return [(classified(name), offset, size) for name, offset, size in images]


def _members(tar: tarfile.TarFile) -> List[Tuple[str, Union[tarfile.TarInfo, str]]]:
    """Each member but folders: its name, and the file that it is or names, or what it is instead.

    Names have no ``./`` or ``/`` in front.
    """
    found = [(_path(member.name), member) for member in tar]
    members = dict(found)
    links = {name: _path(member.linkname if member.islnk() else  # from the top of the shard
                         posixpath.join(posixpath.dirname(name), member.linkname))
             for name, member in members.items() if member.islnk() or member.issym()}

    def followed(name: str) -> Union[tarfile.TarInfo, str]:
        met = set()
        while name in links and name not in met:
            met.add(name)
            name = links[name]
        if name in members:
            member = members[name]
            return LINK if name in links else TO_FOLDER if member.isdir() else _whole(member)
        return TO_FOLDER if any(other.startswith(f'{name}/') for other in members) else LINK

    return [(name, followed(name) if name in links else _whole(member))
            for name, member in found if not member.isdir()]


def _whole(member: tarfile.TarInfo) -> Union[tarfile.TarInfo, str]:
    """A file whose bytes lie in one piece, or ``SPECIAL``."""
    return member if member.isreg() and not member.issparse() else SPECIAL


def _path(name: str) -> str:
    return posixpath.normpath(name).lstrip('/')


def write_index(folder: Path, scanned: Iterable[Tuple[Path, List[Member]]]) -> int:
    """Write the index of shards in ``folder``, and count their images.

    Args:
        folder: of the shards.
        scanned: (shard, ``scan_shard`` of it) for each.

    Raises:
        ShardError: no image at all, or two of one name.
    """
    sizes: Dict[str, int] = {}
    rows = []
    for place, (shard, members) in enumerate(scanned):
        sizes[shard.name] = shard.stat().st_size
        rows += [(os.fsencode(name), place, offset, size) for name, offset, size in members]
    if not rows:
        raise ShardError(f'There is no image ({", ".join(SUFFIXES)}) in the shards of {folder} '
                         f'({", ".join(sizes) or "no *.tar"}).')
    rows.sort()
    for (name, first, *_), (following, second, *_) in zip(rows, rows[1:]):
        if name == following:
            shards = list(sizes)
            raise ShardError(f'{printable(os.fsdecode(name))} is in {shards[first]} and again in '
                             f'{shards[second]} of {folder}: names must be unique, as they tell '
                             'images apart.')
    width = max(len(name) for name, *_ in rows)
    members = np.array(rows, dtype=[('name', f'S{width}'), ('shard', '<i4'), ('offset', '<i8'),
                                    ('size', '<i8')])
    _replace(folder / MEMBERS, lambda file: np.save(file, members))
    content = json.dumps(dict(images=len(members), shards=sizes), indent=1).encode()
    _replace(folder / SHARDS, lambda file: file.write(content))
    return len(members)


def _replace(path: Path, write) -> None:
    """Write a file that appears when it is whole."""
    unfinished = path.with_name(f'{path.name}.unfinished')
    with unfinished.open('wb') as file:
        write(file)
    os.replace(unfinished, path)


def read_index(folder: Path) -> TarIndex:
    """The index of a folder of shards, which must be those that it was made from.

    Raises:
        ShardError: no index, or shards that are missing, new, or of another size.
    """
    make = f'python tools/convert/index_shards.py {folder}'
    if not (folder / SHARDS).is_file():
        raise ShardError(f'The shards in {folder} have no index ({SHARDS}, {MEMBERS}). Make it '
                         f'once: {make}')
    content = json.loads((folder / SHARDS).read_text())
    members = np.asarray(np.load(folder / MEMBERS, mmap_mode='r', allow_pickle=False))
    indexed = content['shards']
    found = {shard.name: shard.stat().st_size for shard in find_shards(folder)}
    wrong = sorted(name for name in indexed.keys() | found.keys()
                   if indexed.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise ShardError(
            f'{len(wrong)} shards of {folder} are not as they were indexed; {name} has '
            f'{found.get(name, "no")} bytes now, {indexed.get(name, "no")} in the index. Copy what '
            f'is missing or cut again, or make the index anew: {make}')
    if len(members) != content['images']:
        raise ShardError(f'{folder / MEMBERS} has {len(members)} images, {SHARDS} '
                         f'{content["images"]}. Make the index anew: {make}')
    return TarIndex([folder / name for name in indexed], members)
