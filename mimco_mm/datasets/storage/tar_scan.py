"""Which images lie in a tar shard, and where."""

import os
import posixpath
import tarfile
from bisect import bisect_left
from pathlib import Path
from typing import Dict, List, Optional, Tuple, Union

from ...errors import UserError
from ..image_files import SUFFIXES, is_hidden, leads_out
from ..listing import HIDDEN, LINK, OUTSIDE, SPECIAL, Ignored

TO_FOLDER = 'links to folders'  # in a tar; in a folder they are followed
NO_CLASS = 'classes (.cls) that are no name of a folder'
END = 2 * tarfile.BLOCKSIZE  # zeros that end every tar
MAX_LABEL = 255  # bytes of a class beside an image; no folder has a longer name
Member = Tuple[str, int, int]  # name, offset and size in bytes


class ShardError(UserError, OSError):
    """Shards or their index are missing, cut or changed; the message says what mends it."""


def find_shards(folder: Path) -> List[Path]:
    return sorted(path for path in folder.glob('*.tar') if not is_hidden(path.name))


def scan_shard(shard: Path, ignored: Optional[Ignored] = None) -> List[Member]:
    """The images of one shard.

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
    ignored = Ignored() if ignored is None else ignored
    images: List[Member] = []
    classes: Dict[str, str] = {}
    try:
        with tarfile.open(shard, 'r:') as tar:
            members = _members(tar)
            if shard.stat().st_size < tar.offset - tarfile.BLOCKSIZE + END:
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
                else:
                    ignored.add_file(name)
    except Exception as error:  # a damaged file makes tarfile raise anything
        raise ShardError(f'{shard} is no tar, compressed or cut ({error}): expected a '
                         'plain tar of images. Copy or make it again.') from error
    return _classified(images, classes, ignored)


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
