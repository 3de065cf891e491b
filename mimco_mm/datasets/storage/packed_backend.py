import os
import posixpath
from abc import abstractmethod
from pathlib import Path
from typing import Dict, Iterator, Optional, Protocol, Tuple

from mmengine.fileio import BaseStorageBackend

from ...errors import DataError, MissingFile
from ...names import printable


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
        self.packs: Dict[str, Pack] = {}

    @abstractmethod
    def holds_pack(self, folder: Path) -> bool:
        """Whether a pack lies in this folder."""

    @abstractmethod
    def open(self, folder: Path) -> Pack:
        """The pack of a folder that holds one."""

    def get(self, filepath: str) -> bytes:
        pack, name = self._locate(filepath)
        return pack.read(name)

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
        pack, folder = self._locate(dir_path)
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

    def _locate(self, uri: str) -> Tuple[Pack, str]:
        """The pack that a URI points into, opened once a process, and the name in it."""
        path = os.path.abspath(os.path.expanduser(str(uri).partition('://')[2]))
        for folder, pack in self.packs.items():
            if f'{path}/'.startswith(folder):
                return pack, path[len(folder):]
        folder = next(parent for parent in (Path(path), *Path(path).parents) if parent.is_dir())
        if not self.holds_pack(folder):
            raise MissingFile(
                f'{uri} expects {self.expected} in the folder {path}, and there is none. '
                'tools/convert/pack_images.py makes them from a folder of images')
        pack = self.packs[f'{folder}/'] = self.open(folder)
        return pack, path[len(f'{folder}/'):]
