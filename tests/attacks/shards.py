"""Damages of a folder of tar shards and of their index: name -> function of the folder.

The folder holds a.tar and b.tar, of three images each, index.npy and index.json.
"""

import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mimco_mm.datasets.ignored import Ignored
from mimco_mm.datasets.storage.tar_index import write_index
from mimco_mm.datasets.storage.tar_scan import scan_shards

from ..tars import tar_bytes, write_tar
from .jpegs import photograph, saved


def index(folder: Path) -> str:
    """Index the shards, and say what that leaves out."""
    ignored = Ignored()
    write_index(folder, scan_shards(folder, ignored))
    return f'indexing ignored: {ignored}'


def whole(folder: Path) -> None:
    """The pack that all else damages."""
    for shard in 'ab':
        write_tar(folder / f'{shard}.tar',
                  {f'{shard}/{n}.jpg': saved(photograph()) for n in range(3)})
    index(folder)


def _members(**changes: object) -> Callable[[Path], None]:
    """Forge fields of the index's second image."""
    def damage(folder: Path) -> None:
        members = np.load(folder / 'index.npy')
        for field, value in changes.items():
            members[field][1] = value
        np.save(folder / 'index.npy', members)
    return damage


def _renamed(name: str) -> Callable[[Path], None]:
    """An index whose first image has another name."""
    def damage(folder: Path) -> None:
        old = np.load(folder / 'index.npy')
        members = old.astype([('name', 'S200'), *old.dtype.descr[1:]])
        members['name'][0] = name.replace('HERE', str(folder)).encode()
        np.save(folder / 'index.npy', np.sort(members, order='name'))
    return damage


def _added(members: dict[str, object]) -> Callable[[Path], str]:
    """A third shard with these members; the index is made anew."""
    def damage(folder: Path) -> str:
        (folder / 'private.jpg').write_bytes(saved(photograph().rotate(180)))
        write_tar(folder / 'c.tar', {name.replace('HERE', str(folder)): content
                                     for name, content in members.items()})
        return index(folder)
    return damage


def _cut(name: str, part: float) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, int((folder / name).stat().st_size * part))


def _written(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def _replaced(folder: Path) -> None:
    """A shard of the same size with other members, e.g. one of a later release."""
    size = (folder / 'b.tar').stat().st_size
    write_tar(folder / 'b.tar', {f'b/{n}.jpg': saved(photograph(), quality=20) for n in range(4)})
    assert (folder / 'b.tar').stat().st_size <= size
    os.truncate(folder / 'b.tar', size)


def _pickled(folder: Path) -> None:
    """An index that is to run a command when it is unpickled."""
    class Command:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(folder / 'run'), )
    np.save(folder / 'index.npy', np.array([Command()], dtype=object), allow_pickle=True)


def _untyped(folder: Path) -> None:
    np.save(folder / 'index.npy', np.arange(6))


def _other_count(folder: Path) -> None:
    content = json.loads((folder / 'index.json').read_text())
    (folder / 'index.json').write_text(json.dumps({**content, 'images': 7}))


def _shard_elsewhere(folder: Path) -> None:
    """A shard outside the folder, by its path."""
    text = (folder / 'index.json').read_text()
    (folder / 'index.json').write_text(text.replace('"b.tar"', '"../b.tar"'))


def _sized(size: int) -> bytes:
    """A tar of one member that is to have this size."""
    info = tarfile.TarInfo('c/0.jpg')
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (size % 2**96).to_bytes(12, 'big')
    if size > 0:
        header[124] = 0x80
    header[148:156] = b' ' * 8
    header[148:156] = b'%06o\0 ' % sum(header)
    return bytes(header) + bytes(1024)


def _endless(folder: Path) -> None:
    """A member of a size below 0, which leads back to itself."""
    (folder / 'c.tar').write_bytes(_sized(-512))
    index(folder)


JPEG = saved(photograph())
TAR: dict[str, Callable[[Path], object]] = {
    'whole': lambda folder: None,
    'no index': lambda folder: (folder / 'index.json').unlink(),
    'a shard is cut': _cut('b.tar', 0.5),
    'a shard is missing': lambda folder: (folder / 'b.tar').unlink(),
    'a shard is new': lambda folder: write_tar(folder / 'c.tar', {'c/0.jpg': JPEG}),
    'a shard is replaced by one of its size': _replaced,
    'a shard is zeros': lambda folder: _written('b.tar', bytes((folder / 'b.tar').stat().st_size))(
        folder),
    'index.json is cut': _cut('index.json', 0.5),
    'index.json is empty': _written('index.json', b''),
    'index.json is a list': _written('index.json', b'[]'),
    'index.json is noise': _written('index.json', bytes(range(256))),
    'index.json counts other images': _other_count,
    'index.json names a shard elsewhere': _shard_elsewhere,
    'index.npy is cut': _cut('index.npy', 0.9),
    'index.npy is cut in its header': _cut('index.npy', 0.01),
    'index.npy is missing': lambda folder: (folder / 'index.npy').unlink(),
    'index.npy is noise': _written('index.npy', bytes(range(256))),
    'index.npy is numbers': _untyped,
    'index.npy runs a command': _pickled,
    'an image of 10^15 bytes': _members(size=10**15),
    'an image of -1 bytes': _members(size=-1),
    'an image at -1': _members(offset=-1),
    'an image beyond the end': _members(offset=10**9),
    'an image at 2^63 - 1': _members(offset=2**63 - 1),
    'an image in shard 9': _members(shard=9),
    'names without order': _members(name='z'),
    'the index has an absolute name': _renamed('HERE/private.jpg'),
    'the index has a name with ..': _renamed('a/../../private.jpg'),
    'the index has a name with //': _renamed('a//0.jpg'),
    'a member with an absolute name': _added({'HERE/private.jpg': JPEG}),
    'a member with ..': _added({'c/../../../private.jpg': JPEG}),
    'a member with backslashes': _added({r'..\..\private.jpg': JPEG, r'C:\private.jpg': JPEG}),
    'a class with an absolute name': _added({'private.jpg': JPEG, 'private.cls': b'/etc'}),
    'a class with ..': _added({'private.jpg': JPEG, 'private.cls': b'../..'}),
    'a class without a letter': _added({'private.jpg': JPEG, 'private.cls': b''}),
    'a symbolic link out of the shard': _added({'c/0.jpg': '../../private.jpg',
                                                'c/1.jpg': '/etc/passwd', 'c/2.jpg': JPEG}),
    'symbolic links in a circle': _added({'c/0.jpg': '1.jpg', 'c/1.jpg': '0.jpg'}),
    'a member of -512 bytes': _endless,
    'a tar in a shard': _added({'c.tar': tar_bytes({'0.jpg': JPEG})}),
    'a tar in a shard, by a name with ..': _added(
        {'../../c.tar': tar_bytes({'private.jpg': JPEG}), 'c/0.jpg': JPEG}),
    'a tar in a shard, with names that lead out': _added(
        {'c.tar': tar_bytes({'../../private.jpg': JPEG, '/private.jpg': JPEG})}),
    'a tar in a shard, with a class that leads out': _added(
        {'c.tar': tar_bytes({'private.jpg': JPEG, 'private.cls': b'../..'})}),
    'a tar in a shard, by links': _added({'c.tar': tar_bytes({'0.jpg': JPEG}), 'd.tar': 'c.tar'}),
    'a tar in a tar in a shard': _added(
        {'c.tar': tar_bytes({'0.jpg': JPEG, 'd.tar': tar_bytes({'1.jpg': JPEG})})}),
    'a tar in a shard, with a member of -512 bytes': _added({'c.tar': _sized(-512)}),
    'a tar in a shard, with a member of 10^15 bytes': _added({'c.tar': _sized(10**15)}),
}
