import os
from bisect import bisect_left
from functools import lru_cache
from pathlib import Path
from typing import Iterator

from mmengine.fileio import register_backend

from ..transforms.opening import check_bytes
from .packed_backend import PackedBackend
from .tar_index import index_files, read_index
from .tar_scan import ShardError, find_shards

MAX_OPEN = 256  # shards a process, well below the usual limit of 1024 files


class _OpenFile:
    """A file that is closed when nothing refers to it."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        os.close(self.descriptor)


class TarPack:
    """Tar shards in WebDataset's layout, read at any place by their index.

    Reads name their offset (``pread``), so that processes may share a descriptor after a fork; the
    index is mapped, not copied. Nothing has to be made anew in a worker.
    """

    def __init__(self, place: Path) -> None:
        self.shards, self.members = read_index(place)
        self.keys = self.members['name']
        self._open = lru_cache(MAX_OPEN)(lambda shard: _OpenFile(self.shards[shard]))

    def names(self, prefix: str) -> Iterator[str]:
        start = os.fsencode(prefix)
        for row in range(bisect_left(self.keys, start), len(self.keys)):
            if not self.keys[row].startswith(start):
                return
            yield os.fsdecode(self.keys[row].item())

    def read(self, name: str) -> bytes:
        key = os.fsencode(name)
        row = bisect_left(self.keys, key)
        if row == len(self.keys) or self.keys[row] != key:
            raise FileNotFoundError(f'no {name} in the shards of {self.shards[0].parent}')
        _, shard, offset, size = self.members[row].item()
        check_bytes(size)
        content = os.pread(self._open(shard).descriptor, size, offset)
        if len(content) < size:
            raise ShardError(f'{self.shards[shard]} ends within {name}: {len(content)} of '
                             f'{size} bytes are there')
        return content


@register_backend('tar', prefixes='tar')
class TarBackend(PackedBackend):
    """``tar://PLACE/NAME``: PLACE is a folder of tar shards, or one tar; an index lies beside."""

    expected = 'tar shards (*.tar)'

    def holds_pack(self, place: Path) -> bool:
        return bool(find_shards(place))

    def is_ready(self, place: Path) -> bool:
        return index_files(place)[1].is_file() and self.holds_pack(place)

    def open(self, place: Path) -> TarPack:
        return TarPack(place)
