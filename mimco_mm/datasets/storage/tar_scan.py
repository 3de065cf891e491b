"""Which images lie in a tar shard, and where."""

import os
import posixpath
import tarfile
from bisect import bisect_left
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from ...errors import UserError
from ...names import printable
from ..ignored import HIDDEN, LINK, OUTSIDE, SPECIAL, Ignored
from ..image_files import SUFFIXES, is_hidden, leads_out
from ..splits import split_folders

TO_FOLDER = 'links to folders'  # in a tar; in a folder they are followed
NO_CLASS = 'classes (.cls) that are no name of a folder'
END = 2 * tarfile.BLOCKSIZE  # zeros that end every tar
MAX_LABEL = 255  # bytes of a class beside an image; no folder has a longer name
Member = Tuple[str, int, int]  # name, offset and size in bytes


class Part(NamedTuple):
    """What has been found in a shard, or in a tar within it.

    Attributes:
        shard: where.
        members: the images.
        size: bytes of the shard that are done with it.
    """

    shard: Path
    members: List[Member]
    size: int


class ShardError(UserError, OSError):
    """Shards or their index are missing, cut or changed; the message says what mends it."""


def is_tar(name: str) -> bool:
    """Whether a file is a plain tar, by its name."""
    return name.lower().endswith('.tar')


def find_shards(pack: Path) -> List[Path]:
    """The shards of a folder, or one tar alone."""
    if pack.is_file():
        return [pack] if is_tar(pack.name) else []
    return sorted(path for path in pack.glob('*.[tT][aA][rR]') if not is_hidden(path.name))


def scan_shards(pack: Path, ignored: Optional[Ignored] = None) -> Iterator[Part]:
    """The images of a folder of shards, or of one tar, as they are found.

    Where names tell that shards of several parts lie together (imagenet1k-train-0000.tar,
    imagenet1k-validation-00.tar), the images lie in ``train/``, ``val/`` and ``test/``.

    Args:
        pack: the folder, or the tar.
        ignored: counts what is left out, see ``scan_shard``.

    Raises:
        ShardError: see ``scan_shard``.
        DataError: see ``split_folders``.
    """
    shards = find_shards(pack)
    folders = split_folders([shard.name for shard in shards])
    for shard in shards:
        folder = folders[shard.name]
        for members, size in scan_shard(shard, ignored):
            yield Part(shard, [(f'{folder}{name}', *place) for name, *place in members], size)


def scan_shard(shard: Path, ignored: Optional[Ignored] = None
               ) -> Iterator[Tuple[List[Member], int]]:
    """The images of one shard, and how many of its bytes are done with them.

    A tar in it is a folder of its name, as in ILSVRC2012_img_train.tar: n01440764.tar holds the
    class n01440764; images of it that have a folder or a class keep theirs. Nothing is unpacked, as
    such a tar is not compressed; tars in it count as files of another ending.

    A hard or symbolic link is what it names in the shard. An image without a folder that has a
    class beside it (KEY.jpg, KEY.cls) is named CLASS/KEY.jpg: like this, folders are the classes
    in all shards. No name leads out of the shards' folder: a ``/`` in front is left off, as tar
    itself does it, and members that climb up by ``..`` are left out.

    Args:
        shard: a tar.
        ignored: counts what is left out: members of other endings or hidden ones, links to folders
            or to what is not there, and so on.

    Raises:
        ShardError: no tar, a compressed one, or one that is cut or damaged.
    """
    if not shard.is_file():
        raise ShardError(f'{shard} is no file, or a link to nothing.')
    try:
        with tarfile.open(shard, 'r:') as tar:
            yield from _scan(tar, shard.stat().st_size, Ignored() if ignored is None else ignored)
    except Exception as error:  # a damaged file makes tarfile raise anything
        raise ShardError(f'{shard} is no tar, compressed or cut ({printable(error)}): expected a '
                         'plain tar of images. Copy or make it again.') from error


def _scan(tar: tarfile.TarFile, size: int, ignored: Ignored
          ) -> Iterator[Tuple[List[Member], int]]:
    """The images of an open tar of this size, then those of each tar in it."""
    images, inner = _sorted_out(tar, size, ignored)
    yield images, size - sum(member.size for _, member in inner)
    for name, member in inner:
        try:
            with tarfile.open(fileobj=tar.extractfile(member), mode='r:') as within:
                found, deeper = _sorted_out(within, member.size, ignored)
        except Exception as error:
            raise tarfile.ReadError(f'{name} in it: {error}') from error
        for too_deep, _ in deeper:
            ignored.add_file(too_deep)
        folder = name[:-len('.tar')]
        yield [(posixpath.join(posixpath.dirname(folder) if '/' in path else folder, path),
                member.offset_data + offset, length) for path, offset, length in found], member.size


def _sorted_out(tar: tarfile.TarFile, size: int, ignored: Ignored
                ) -> Tuple[List[Member], List[Tuple[str, tarfile.TarInfo]]]:
    """The images of a tar, and the tars in it."""
    images: List[Member] = []
    classes: Dict[str, str] = {}
    inner = []
    members = _members(tar)
    if size < tar.offset - tarfile.BLOCKSIZE + END:
        raise tarfile.ReadError('the end is missing')
    for name, member in members:
        if is_hidden(name):
            ignored.others[OUTSIDE if leads_out(name) else HIDDEN] += 1
        elif isinstance(member, str):
            ignored.others[member] += 1
        elif name.endswith('.cls'):
            if '/' not in name:  # else the folder is the class
                tar.fileobj.seek(member.offset_data)
                label = tar.fileobj.read(min(member.size, MAX_LABEL + 1))
                classes[name.partition('.')[0]] = os.fsdecode(label).strip()
        elif name.lower().endswith(SUFFIXES):
            images.append((name, member.offset_data, member.size))
        elif is_tar(name) and _path(member.name) == name:  # no link, each is read once
            inner.append((name, member))
        else:
            ignored.add_file(name)
    return _classified(images, classes, ignored), inner


def _classified(images: List[Member], classes: Dict[str, str], ignored: Ignored) -> List[Member]:
    """The images with their classes in front, where those lie beside them and name a folder."""
    found = []
    for name, offset, size in images:
        label = None if '/' in name else classes.get(name.partition('.')[0])
        if label is not None:
            if leads_out(label) or is_hidden(label) or len(label) > MAX_LABEL:
                ignored.others[NO_CLASS] += 1
            else:
                name = f'{label}/{name}'
        found.append((name, offset, size))
    return found


def _members(tar: tarfile.TarFile) -> List[Tuple[str, Union[tarfile.TarInfo, str]]]:
    """Each member but folders: its name, and the file that it is or names, or what it is instead.

    Names have no ``./`` or ``/`` in front.
    """
    found = []
    for member in tar:
        if member.size < 0:  # would lead back, and round in a circle
            raise tarfile.ReadError(f'{member.name!r} has a size below 0')
        found.append((_path(member.name), member))
    members = dict(found)
    names = sorted(members)
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
        inside = bisect_left(names, f'{name}/')
        return TO_FOLDER if any(each.startswith(f'{name}/') for each in names[inside:inside + 1]
                                ) else LINK

    return [(name, followed(name) if name in links else _whole(member))
            for name, member in found if not member.isdir()]


def _whole(member: tarfile.TarInfo) -> Union[tarfile.TarInfo, str]:
    """A file whose bytes lie in one piece, or ``SPECIAL``."""
    return member if member.isreg() and not member.issparse() else SPECIAL


def _path(name: str) -> str:
    return posixpath.normpath(name).lstrip('/')
