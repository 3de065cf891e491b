"""Images in parquet files, as the library datasets of Hugging Face writes them."""

import posixpath
from io import BytesIO
from pathlib import Path
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Set

from ...errors import DataError, MissingPackage
from ...names import printable
from ..ignored import Ignored
from ..image_files import SUFFIXES
from ..splits import split_folders
from ..transforms.opening import BrokenImageError, open_image
from .parquet_columns import bytes_chunk, clean, find_columns

BATCH = 32  # images that are in memory at once
NO_IMAGE = 'rows without an image in them'
NOT_TOLD = -1  # the class of test images, in datasets of Hugging Face
NO_CLASS = 'classes of rows that are no number from 0 up of a class'
NO_CLASSES = 'columns named label that are no whole numbers, so that there are no classes'


class Group(NamedTuple):
    """A row group of a file, and which of its rows are images."""

    file: int
    number: int
    rows: List[int]


def import_parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackage(
            'Parquet files need the package pyarrow: pip install pyarrow') from error
    return pyarrow.parquet


class ParquetSource:
    """The images of parquet files: a column of {bytes, path}, or of bytes, and one of classes.

    An image is called CLASS/NAME by its class and its path's last part, or its row's number. Files
    of several splits (train-00000-of-00294.parquet) make folders train/, val/ and test/.
    """

    def __init__(self, path: Path, files: Sequence[Path], image_column: Optional[str] = None,
                 label_column: Optional[str] = None) -> None:
        self.files = list(files)
        self.ignored = Ignored()
        self.names: List[str] = []
        self.sizes: List[int] = []
        self.labels: List[Optional[int]] = []
        self.groups: List[Group] = []
        self._taken: Set[str] = set()
        within = path if path.is_dir() else path.parent
        places = [file.relative_to(within).as_posix() for file in files]
        folders = split_folders(places)
        opened = self._open(0)
        self.columns = find_columns(opened, self.files[0], image_column, label_column)
        if self.columns.label is None and 'label' in opened.schema_arrow.names:
            self.ignored.others[NO_CLASSES] = 1
        self.suffix = self._first_suffix()
        for number, place in enumerate(places):
            self._list(number, folders[place])
        if not self.names:
            raise DataError(f'There is no image in {printable(path)}: ignored: {self.ignored}')

    def _open(self, number: int) -> Any:
        try:
            return import_parquet().ParquetFile(self.files[number])
        except (OSError, ValueError) as error:
            raise self._damaged(number, error) from error

    def _damaged(self, number: int, error: Exception) -> DataError:
        return DataError(
            f'{printable(self.files[number])} is no parquet file like the others, or cut or '
            f'damaged ({type(error).__name__}: {printable(error)}). Download it again.')

    def _list(self, number: int, folder: str) -> None:
        """Add the images of a file; their contents are not read."""
        opened, columns = self._open(number), self.columns
        wanted = ([f'{columns.image}.path'] * columns.with_path
                  + [columns.label] * bool(columns.label))
        try:
            for group in range(opened.num_row_groups):
                count = opened.metadata.row_group(group).num_rows
                size = bytes_chunk(opened, group, columns).total_uncompressed_size
                whole = self._with_image(opened, group)
                table = opened.read_row_group(group, columns=wanted).to_pydict()
                paths = ([each and each['path'] for each in table[columns.image]]
                         if columns.with_path else [None] * count)
                labels = table[columns.label] if columns.label else [None] * count
                rows = [row for row in range(count) if whole is None or whole[row]]
                if len(rows) < count:
                    self.ignored.others[NO_IMAGE] += count - len(rows)
                for row in rows:
                    self._add(folder, paths[row], labels[row], size // max(len(rows), 1))
                self.groups.append(Group(number, group, rows))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(number, error) from error

    def _with_image(self, opened: Any, group: int) -> Optional[List[bool]]:
        """Which rows hold an image; None for all, which the file's statistics mostly tell."""
        statistics = bytes_chunk(opened, group, self.columns).statistics
        if statistics is not None and statistics.null_count == 0:
            return None
        return [content is not None for content in self._read(opened, group)]

    def _read(self, opened: Any, group: int) -> Iterator[Optional[bytes]]:
        """The content of each row of a group."""
        name, structured = self.columns.image, self.columns.with_path
        column = f'{name}.bytes' if structured else name
        for batch in opened.iter_batches(BATCH, row_groups=[group], columns=[column]):
            for value in batch.column(0):
                content = value.as_py()
                yield content and content['bytes'] if structured else content

    def _first_suffix(self) -> str:
        """The ending of images that have no name, by the first."""
        opened = self._open(0)
        first = None
        for group in range(opened.num_row_groups):
            first = next(filter(None, self._read(opened, group)), None)
            if first:
                break
        try:
            kind = open_image(BytesIO(first or b'')).format.lower()
        except (BrokenImageError, OSError, ValueError, SyntaxError):
            kind = 'jpeg'
        return {'jpeg': '.jpg', 'jpeg2000': '.jp2'}.get(kind, f'.{kind}')

    def _add(self, folder: str, path: Optional[str], label: Optional[int], size: int) -> None:
        classes = self.columns.classes
        known = isinstance(label, int) and 0 <= label < (len(classes) if classes else 2**31)
        if label not in (None, NOT_TOLD) and not known:
            self.ignored.others[NO_CLASS] += 1
        if known:
            folder += f'{classes[label] if classes else label}/'
        row = len(self.names)
        name, suffix = posixpath.splitext((path or '').replace('\\', '/').rpartition('/')[2])
        stem = clean(name).replace('.', '_') or f'{row:08d}'  # WebDataset's keys end at a dot
        if suffix.lower() not in SUFFIXES:
            suffix = self.suffix
        if f'{folder}{stem}' in self._taken:
            stem = f'{stem}_{row:08d}'
        self._taken.add(f'{folder}{stem}')
        self.names.append(f'{folder}{stem}{suffix}')
        self.sizes.append(size)
        self.labels.append(label if known else None)

    def contents(self, start: int) -> Iterator[bytes]:
        for group in self.groups:
            if start >= len(group.rows):
                start -= len(group.rows)
                continue
            kept, first = set(group.rows[start:]), group.rows[start]
            start = 0
            try:
                for row, content in enumerate(self._read(self._open(group.file), group.number)):
                    if row >= first and row in kept:
                        yield content
            except (OSError, ValueError) as error:
                raise self._damaged(group.file, error) from error
