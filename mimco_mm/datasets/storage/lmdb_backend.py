import os
from pathlib import Path
from typing import Any, Iterator

from mmengine.fileio import register_backend

from ...errors import DataError
from .packed_backend import PackedBackend

DATA = 'data.mdb'  # LMDB's own name


def import_lmdb() -> Any:
    try:
        import lmdb
    except ImportError as error:
        raise DataError('lmdb:// needs the package lmdb: pip install lmdb') from error
    return lmdb


class LmdbPack:
    """An LMDB database of files, name -> content, as mmengine's LmdbBackend reads it.

    A key is the name's bytes, as the file system has them: UTF-8, or whatever they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = self.database = None

    def begin(self) -> Any:
        """A transaction. LMDB forbids a fork's child its parent's database: it opens its own."""
        if self.process != os.getpid():
            if self.database is not None:
                self.database.close()
            self.process, self.database = os.getpid(), import_lmdb().open(
                str(self.folder), create=False, readonly=True, lock=False, readahead=False)
        return self.database.begin()

    def names(self, prefix: str) -> Iterator[str]:
        start = os.fsencode(prefix)
        with self.begin() as transaction, transaction.cursor() as cursor:
            if not cursor.set_range(start):
                return
            for key in cursor.iternext(values=False):
                if not key.startswith(start):
                    return
                yield os.fsdecode(key)

    def read(self, name: str) -> bytes:
        with self.begin() as transaction:
            content = transaction.get(os.fsencode(name))
        if content is None:
            raise FileNotFoundError(f'no {name} in the database {self.folder}')
        return content


@register_backend('lmdb-folder', prefixes='lmdb')
class LmdbFolderBackend(PackedBackend):
    """``lmdb://FOLDER/NAME``: FOLDER holds an LMDB database of files."""

    expected = f'an LMDB database ({DATA})'

    def holds_pack(self, folder: Path) -> bool:
        return (folder / DATA).is_file()

    def open(self, folder: Path) -> LmdbPack:
        return LmdbPack(folder)
