import os
from pathlib import Path
from typing import Any, Iterator

from mmengine.fileio import register_backend

from ...errors import DataError, MissingPackage
from ...names import command, printable
from ..transforms.opening import check_bytes
from .packed_backend import PackedBackend

DATA = 'data.mdb'  # LMDB's own name


def import_lmdb() -> Any:
    try:
        import lmdb
    except ImportError as error:
        raise MissingPackage('lmdb:// needs the package lmdb: pip install lmdb') from error
    return lmdb


def open_database(folder: Path) -> Any:
    """A database, to be read.

    LMDB maps the file, and a page that is not there would end the process by SIGBUS, without a
    word: the file must hold all pages that its header counts.

    Raises:
        DataError: no database of LMDB, or one that is cut or damaged.
    """
    lmdb, database = import_lmdb(), None
    try:
        database = lmdb.open(str(folder), create=False, readonly=True, lock=False, readahead=False)
        needed = (database.info()['last_pgno'] + 1) * database.stat()['psize']
    except (lmdb.Error, MemoryError, OverflowError) as error:
        raise _damaged(folder, printable(error)) from error
    size = os.path.getsize(folder / DATA)
    if size < needed:
        database.close()
        raise _damaged(folder, f'{size} of {needed} bytes are there')
    return database


def _damaged(folder: Path, why: str) -> DataError:
    return DataError(
        f'{folder / DATA} is no database of LMDB, or cut or damaged ({why}). Copy it again, or '
        f'remove {folder} and make it anew from its images: {command("pack")} '
        f'IMAGES {folder} --format lmdb')


class LmdbPack:
    """An LMDB database of files, name -> content, as mmengine's LmdbBackend reads it.

    A key is the name's bytes, as the file system has them: UTF-8, or whatever they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = self.database = None

    def begin(self, buffers: bool = False) -> Any:
        """A transaction, whose contents are not copied with ``buffers``.

        LMDB forbids a fork's child its parent's database: it opens its own.
        """
        if self.process != os.getpid():
            if self.database is not None:
                self.database.close()
            self.database = open_database(self.folder)
            self.process = os.getpid()
        return self.database.begin(buffers=buffers)

    def names(self, prefix: str) -> Iterator[str]:
        start = os.fsencode(prefix)
        try:
            with self.begin() as transaction, transaction.cursor() as cursor:
                if not cursor.set_range(start):
                    return
                for key in cursor.iternext(values=False):
                    if not key.startswith(start):
                        return
                    yield os.fsdecode(key)
        except import_lmdb().Error as error:
            raise _damaged(self.folder, printable(error)) from error

    def read(self, name: str) -> bytes:
        with self.begin(buffers=True) as transaction:
            content = transaction.get(os.fsencode(name))
            if content is None:
                raise FileNotFoundError(f'no {name} in the database {self.folder}')
            check_bytes(len(content))  # before it is copied
            return bytes(content)


@register_backend('lmdb-folder', prefixes='lmdb')
class LmdbFolderBackend(PackedBackend):
    """``lmdb://FOLDER/NAME``: FOLDER holds an LMDB database of files."""

    expected = f'an LMDB database ({DATA})'

    def holds_pack(self, place: Path) -> bool:
        return (place / DATA).is_file()

    def open(self, place: Path) -> LmdbPack:
        return LmdbPack(place)
