"""Damages of an LMDB database of six images: name -> function of its folder."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mimco_mm.datasets.storage.lmdb_backend import import_lmdb

from .jpegs import photograph, saved

PAGE = 4096


def _put(folder: Path, items: dict[bytes, bytes]) -> None:
    with import_lmdb().open(str(folder), map_size=2**30) as database:
        with database.begin(write=True) as transaction:
            for key, content in items.items():
                transaction.put(key, content)


def whole(folder: Path) -> None:
    """The database that all else damages."""
    _put(folder, {f'{shard}/{n}.jpg'.encode(): saved(photograph((640, 480)))
                  for shard in 'ab' for n in range(3)})


def _added(*keys: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / 'private.jpg').write_bytes(saved(photograph().rotate(180)))
        _put(folder, {key.replace('HERE', str(folder)).encode(): saved(photograph())
                      for key in keys})
    return damage


def _cut(size: int) -> Callable[[Path], None]:
    """To so many bytes, or by so many, below 0."""
    return lambda folder: os.truncate(
        folder / 'data.mdb', size if size >= 0 else (folder / 'data.mdb').stat().st_size + size)


def _written(start: int, content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with (folder / 'data.mdb').open('r+b') as file:
            file.seek(start)
            file.write(content)
    return damage


def _zeros_at_the_end(folder: Path) -> None:
    """As a copy leaves it that makes room first, and is interrupted."""
    size = (folder / 'data.mdb').stat().st_size
    os.truncate(folder / 'data.mdb', size // 2)
    os.truncate(folder / 'data.mdb', size)


def _noise(folder: Path) -> None:
    (folder / 'data.mdb').write_bytes(np.random.default_rng(0).bytes(10 * PAGE))


def _giant_map(folder: Path) -> None:
    """Both headers ask for a map of 2^62 bytes."""
    for page in (0, 1):
        _written(page * PAGE + 16 + 16, struct.pack('<Q', 2**62))(folder)


def _giant_image(folder: Path) -> None:
    """The first image's size in its leaf is 4 GB."""
    content = (folder / 'data.mdb').read_bytes()
    key = content.rindex(b'a/0.jpg')
    _written(key - 8, struct.pack('<HH', 0xffff, 0xffff))(folder)


LMDB: dict[str, Callable[[Path], object]] = {
    'whole': lambda folder: None,
    'cut in half': lambda folder: _cut((folder / 'data.mdb').stat().st_size // 2)(folder),
    'cut by a page': _cut(-PAGE),
    'cut to its two headers': _cut(2 * PAGE),
    'cut to one header': _cut(PAGE),
    'cut in its header': _cut(100),
    'empty': _cut(0),
    'zeros from the middle on': _zeros_at_the_end,
    'noise': _noise,
    'no header': _written(0, bytes(2 * PAGE)),
    'a map of 2^62 bytes': _giant_map,
    'an image of 4 GB': _giant_image,
    'an absolute key': _added('HERE/private.jpg'),
    'a key with ..': _added('a/../../private.jpg', '../private.jpg'),
    'a key with //': _added('a//0.jpg'),
    'a key with a zero byte': _added('a/\0.jpg'),
}
