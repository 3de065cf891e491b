import os
import posixpath
from abc import abstractmethod
from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterator, Optional, Protocol, Tuple

from mmengine.fileio import BaseStorageBackend

from ...errors import DataError, MissingFile
from ...names import command, printable


class Pack(Protocol):
    """The files of a folder, kept in few large ones. A name is the path in that folder."""

    def names(self, prefix: str) -> Iterator[str]:
        """The names that start with ``prefix``, in order."""

    def read(self, name: str) -> bytes:
        """The content of a file; OSError if it is not there or cut."""


class PackedBackend(BaseStorageBackend):
    """A storage backend of mmengine for packed files: ``SCHEME://FOLDER/NAME``.

    FOLDER is where the pack lies, NAME one of its files. To whatever reads through mmengine, such
    as mmpretrain's CustomDataset with ``data_root='SCHEME://FOLDER'``, the pack is the folder of
    files that it was made from, with the same names in the same order.
    """

    expected: str  # what lies in FOLDER, for errors

    def __init__(self) -> None:
        self.packs: Dict[Path, Pack] = {}
        self._place_of = lru_cache(2**14)(self._find)  # folders: most hold many images

    @abstractmethod
    def holds_pack(self, place: Path) -> bool:
        """Whether a pack lies in this folder, or is this file; it may be unfit to be read."""

    def is_ready(self, place: Path) -> bool:
        """Whether that pack can be read."""
        return self.holds_pack(place)

    @abstractmethod
    def open(self, place: Path) -> Pack:
        """The pack of a place that holds one."""

    def get(self, filepath: str) -> bytes:
        folder, name = posixpath.split(_path(filepath))
        pack, inner = self._pack_of(folder, filepath)
        return pack.read(posixpath.join(inner, name))

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)

    def join_path(self, filepath: str, *filepaths: str) -> str:
        for path in filepaths:
            if path.startswith('/'):  # joined, it would be a file of this machine
                raise DataError(f'{printable(path)} is no file of the pack {filepath}: expected '
                                'the path in the folder that it was made from')
        return posixpath.join(str(filepath), *filepaths)

    def list_dir_or_file(self,
                         dir_path: str,
                         list_dir: bool = True,
                         list_file: bool = True,
                         suffix: Optional[str] = None,
                         recursive: bool = False) -> Iterator[str]:
        """Paths under a folder of the pack, relative to it, as mmengine's local backend's."""
        pack, folder = self._pack_of(_path(dir_path), dir_path)
        prefix = f'{folder}/' if folder else ''
        seen = set()
        for path in pack.names(prefix):
            path = path[len(prefix):]
            *parents, _ = path.split('/')
            if list_file and (recursive or not parents) and path.endswith(suffix or ''):
                yield path
            for depth in range(1, len(parents) + 1 if recursive else min(len(parents), 1) + 1):
                parent = '/'.join(parents[:depth])
                if list_dir and parent not in seen:
                    seen.add(parent)
                    yield parent

    def _pack_of(self, folder: str, uri: str) -> Tuple[Pack, str]:
        """The pack that a folder is, or lies in, opened once a process, and its path in it."""
        try:
            place = self._place_of(folder)
        except LookupError:
            raise MissingFile(
                f'{uri} expects {self.expected} in the folder {_path(uri)}, and there is none. '
                f'{command("pack")} makes them from a folder of images') from None
        if place not in self.packs:
            real = place.resolve()  # LMDB opens no database twice, whatever its path
            if real not in self.packs:
                self.packs[real] = self.open(place)
            self.packs[place] = self.packs[real]
        return self.packs[place], folder[len(str(place)):].lstrip('/')

    def _find(self, folder: str) -> Path:
        """The nearest pack that can be read, from a folder upwards: it may be a folder in it."""
        places = [place for place in (Path(folder), *Path(folder).parents)
                  if os.path.exists(place)]
        if self.holds_pack(places[0]):
            return places[0]
        for place in places:
            if self.is_ready(place):
                return place
        raise LookupError(folder)  # not an answer, which would be kept


def _path(uri: str) -> str:
    return os.path.abspath(os.path.expanduser(str(uri).partition('://')[2]))
