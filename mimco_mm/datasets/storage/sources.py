"""What images are packed from: a folder, a zip, or parquet files, read once and in order."""

import os
import posixpath
import zipfile
import zlib
from itertools import islice
from lzma import LZMAError
from pathlib import Path
from typing import Iterator, List, Optional, Protocol, Sequence

from ...errors import DataError
from ...names import printable
from ..ignored import HIDDEN, OUTSIDE, REPLACED, Ignored
from ..image_files import SUFFIXES, is_hidden, leads_out
from ..listing import count_images, list_images, no_images
from ..transforms.opening import MAX_BYTES
from .tar_scan import find_shards

TOO_LARGE = f'files of more than {MAX_BYTES} bytes'
SPLITS = ('val', 'test')  # beside train they are parts of a dataset, not classes


class Source(Protocol):
    """Images of which a pack is made.

    Attributes:
        names: what they are called in the pack, CLASS/NAME where there are classes.
        sizes: their bytes, as far as they are known before they are read.
        labels: numbers of their classes; None of an image without.
        ignored: what is left out.
    """

    names: List[str]
    sizes: List[int]
    labels: Sequence[Optional[int]]
    ignored: Ignored

    def contents(self, start: int) -> Iterator[bytes]:
        """The content of each image from row ``start`` on."""


class FolderSource:
    """The images of a folder, by ``list_images``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names, _, self.ignored = list_images(folder)
        self.names = sorted(names, key=os.fsencode)
        self.sizes = [os.stat(folder / name).st_size for name in self.names]
        self.labels = folder_labels(self.names)

    def contents(self, start: int) -> Iterator[bytes]:
        for name in islice(self.names, start, None):
            yield (self.folder / name).read_bytes()


# What zipfile and its decompressors raise of a member that cannot be read
DAMAGED = (zipfile.BadZipFile, RuntimeError, EOFError, ValueError, OSError, zlib.error, LZMAError)


class ZipSource:
    """The images of a zip, which is not unpacked; a folder around all of them is left off."""

    def __init__(self, file: Path) -> None:
        self.ignored = Ignored()
        try:
            self.archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise DataError(f'{printable(file)} is no zip, or cut or damaged ({printable(error)}). '
                            'Copy it again.') from error
        written = self.archive.infolist()
        last = {member.filename: member for member in written}  # what unpacking would leave
        if len(last) < len(written):
            self.ignored.others[REPLACED] += len(written) - len(last)
        self.members = sorted(filter(self._is_image, last.values()),
                              key=lambda member: os.fsencode(member.filename))
        if not self.members:
            raise no_images(file, f'ignored: {self.ignored}')
        paths = [member.filename for member in self.members]
        around = posixpath.commonpath([posixpath.dirname(path) for path in paths])
        self.names = [posixpath.relpath(path, around or '.') for path in paths]
        self.sizes = [member.file_size for member in self.members]
        self.labels = folder_labels(self.names)

    def _is_image(self, member: zipfile.ZipInfo) -> bool:
        name = member.filename
        if member.is_dir():
            return False
        if leads_out(name) or is_hidden(name):
            self.ignored.others[OUTSIDE if leads_out(name) else HIDDEN] += 1
        elif not name.lower().endswith(SUFFIXES):
            self.ignored.add_file(name)
        elif member.file_size > MAX_BYTES:
            self.ignored.others[TOO_LARGE] += 1
        else:
            return True
        return False

    def contents(self, start: int) -> Iterator[bytes]:
        for member in islice(self.members, start, None):
            try:
                yield self.archive.read(member)  # no more than the size that it declares
            except DAMAGED as error:
                raise DataError(
                    f'{printable(member.filename)} in {printable(self.archive.filename)} is '
                    f'damaged, encrypted or of an unknown compression ({printable(error)}). Copy '
                    'the zip again, or unpack it and pack the folder.') from error


def folder_labels(names: Sequence[str]) -> List[Optional[int]]:
    """The place of each image's folder in the order of all.

    That is of the folders below train/, val/ and test/, if those lie together.
    """
    tops = {name.partition('/')[0] for name in names if '/' in name}
    parts = {'train', *SPLITS} if 'train' in tops and tops & set(SPLITS) else set()
    classes = []
    for name in names:
        top, _, rest = name.partition('/')
        path = rest if top in parts else name
        classes.append(path.partition('/')[0] if '/' in path else None)
    numbers = {name: place for place, name in enumerate(sorted(set(classes) - {None}))}
    return [numbers.get(name) for name in classes]


def open_source(path: Path, image_column: Optional[str] = None,
                label_column: Optional[str] = None) -> Source:
    """The images of a folder, of a zip, or of parquet files.

    Args:
        path: a folder of images, a folder of parquet files, or a file.
        image_column: of parquet files; the one that holds images, by default.
        label_column: likewise, of classes.

    Raises:
        DataError: what needs no packing, or cannot be read.
        FileNotFoundError: no image.
    """
    if not count_images_of(path) and find_shards(path):
        raise DataError(f'{printable(path)} is read where it lies: python tools/convert/'
                        f'index_shards.py {printable(path)}, and then --data tar://'
                        f'{printable(path)}')
    files = parquet_files(path)
    if files:
        from .parquet_source import ParquetSource
        return ParquetSource(path, files, image_column, label_column)
    if image_column or label_column:
        raise DataError(f'--image-column and --label-column are for parquet files, and there are '
                        f'none in {printable(path)}.')
    if path.is_file() and path.suffix.lower() == '.zip':
        return ZipSource(path)
    return FolderSource(path)


def parquet_files(path: Path) -> List[Path]:
    """The parquet files of a folder without images, in order, or the file that ``path`` is."""
    if path.is_file():
        return [path] if path.suffix == '.parquet' else []
    if count_images_of(path):
        return []
    return sorted(file for file in path.rglob('*.parquet')
                  if not is_hidden(file.relative_to(path).as_posix()))


def count_images_of(folder: Path) -> int:
    """1 for a folder with images, else 0."""
    return count_images(folder, 1) if folder.is_dir() else 0
