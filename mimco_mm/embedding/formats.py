"""Files of features: parquet, npy or csv by their ending; how they are written, and read again."""

import csv
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np

from ..datasets.storage.parquet_source import import_parquet
from ..errors import ConfigError, MissingFile, UserError
from ..names import printable
from ..records import RecordError, read_json
from .images import Images
from .parts import Part

FORMATS = ('.parquet', '.npy', '.csv')


class Features(NamedTuple):
    """The features of images.

    Attributes:
        files: (N,), paths of the images in the folder, or the pack, that they are of.
        classes: of each; None of those without one.
        features: (N, C), float32, not normalised.
        patches: (N, C, h, w), float32, if they were kept.
        about: what stands in FILE.json, beside the file.
    """

    files: List[str]
    classes: List[Optional[str]]
    features: np.ndarray
    patches: Optional[np.ndarray]
    about: dict


def check_format(out: Path, patches: bool) -> None:
    """Refuse an ending that is no format, and a format that cannot hold what is asked for.

    Raises:
        UserError: says what can be.
    """
    if out.suffix not in FORMATS:
        raise ConfigError(f'--out expects a file that ends in {", ".join(FORMATS)}, got {out}')
    if out.suffix == '.csv' and patches:
        raise ConfigError(f'A map is no row of a table: with --patches --out expects a file that '
                          f'ends in .parquet or .npy, got {out}')
    if out.suffix == '.parquet':
        import_parquet()


def files_of(out: Path, patches: bool) -> Dict[str, Path]:
    """What is written for ``out``, it last: 'features', of npy 'files' too, and 'patches'."""
    found = {}
    if out.suffix == '.npy':
        found['files'] = out.with_suffix('.files.csv')
        if patches:
            found['patches'] = out.with_suffix('.patches.npy')
    return {**found, 'features': out}


def record_of(out: Path) -> Path:
    """What stands beside a whole file of features, and says what it is of."""
    return out.with_name(f'{out.name}.json')


def as_text(name: Optional[str]) -> Optional[str]:
    """A name in UTF-8: a byte that is none is written as Python writes it."""
    try:
        return name and name.encode() and name
    except UnicodeEncodeError:
        return printable(name)


def named(images: Images, part: Part) -> List[Tuple[Optional[str], Optional[str]]]:
    """File and class of each row of a part."""
    return [(as_text(images.names[row]), as_text(images.classes[row])) for row in part.rows]


def write_npy(path: Path, arrays: Iterable[np.ndarray], shape: Tuple[int, ...]) -> None:
    """Write arrays of rows as one, of which one at a time is in memory."""
    with path.open('wb') as file:
        np.lib.format.write_array_header_1_0(
            file, dict(descr='<f4', fortran_order=False, shape=shape))
        for array in arrays:
            file.write(array.astype('<f4').tobytes())


def write_csv(path: Path, images: Images, parts: Iterable[Part], width: int) -> None:
    """Write a line for each image: file, class, and so many values, which float32 comes back from.
    """
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(['file', 'class', *(f'f{column}' for column in range(width))])
        for part in parts:
            for names, feature in zip(named(images, part), part.features[:, :width].tolist()):
                writer.writerow([*names, *(f'{value:.9g}' for value in feature)])


def write_parquet(path: Path, images: Images, parts: Iterable[Part]) -> None:
    """Write a row group for each part: file, class, feature, and patches of shape (C, h, w)."""
    pq = import_parquet()
    import pyarrow as pa
    writer = None
    try:
        for part in parts:
            files, classes = zip(*named(images, part))
            width = part.features.shape[1]
            columns = {
                'file': pa.array(files, pa.string()),
                'class': pa.array(classes, pa.string()),
                'feature': pa.FixedSizeListArray.from_arrays(
                    pa.array(part.features.ravel()), width)}
            if part.maps is not None:
                columns['patches'] = pa.FixedShapeTensorArray.from_numpy_ndarray(
                    np.ascontiguousarray(part.maps))
            table = pa.table(columns)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def read_features(file: Any) -> Features:
    """Read a file that ``embed`` has written.

    Raises:
        MissingFile: it is not there, or its record.
        ConfigError: it is of no format that is known.
        RecordError: it is damaged, or its record, or what stands beside it.
    """
    file = Path(file)
    check_format(file, False)
    for one in (file, record_of(file)):
        if not one.is_file():
            raise MissingFile(f'There is no {one} (seen from {Path.cwd()}); tools/embed.py writes '
                              f'{file.name} and beside it {record_of(file).name}, which says what '
                              'it is of.')
    about = read_json(record_of(file))
    identity = about.get('identity')
    if not isinstance(identity, dict) or not isinstance(identity.get('images'), str):
        raise RecordError(f'{record_of(file)} does not say what {file} is of: remove both, and '
                          'write them again by tools/embed.py.')
    try:
        found = _read(file, bool(identity.get('patches')))._replace(about=about)
        for row, (name, of) in about.get('names', {}).items():
            found.files[int(row)], found.classes[int(row)] = name, of
        shape, rows = (about['images'], about['width']), len(found.files)
        if found.features.shape != shape or rows != shape[0] or (
                found.patches is not None and len(found.patches) != rows):
            raise ValueError(f'{rows} names and features of shape {found.features.shape}, where '
                             f'{shape} was written')
    except UserError:
        raise
    except Exception as error:  # numpy and pyarrow raise anything of a damaged file
        raise RecordError(f'{file} or what is beside it is damaged ({type(error).__name__}: '
                          f'{error}): remove it, and write it again by tools/embed.py.') from error
    return found


def _read(file: Path, patches: bool) -> Features:
    if file.suffix == '.parquet':
        return Features(*_read_parquet(file), {})
    if file.suffix == '.csv':
        files, classes, values = _read_csv(file)
        return Features(files, classes, values, None, {})
    beside = files_of(file, patches)
    files, classes, _ = _read_csv(beside['files'])
    arrays = {part: np.load(beside[part], mmap_mode='c', allow_pickle=False)  # read when used
              for part in ('features', 'patches') if part in beside}
    return Features(files, classes, arrays['features'], arrays.get('patches'), {})


def _read_csv(file: Path) -> Tuple[List[str], List[Optional[str]], np.ndarray]:
    with file.open(newline='', encoding='utf-8') as lines:
        rows = list(csv.reader(lines))[1:]
    values = np.array([row[2:] for row in rows], np.float32)
    return [row[0] for row in rows], [row[1] or None for row in rows], values


def _read_parquet(file: Path) -> tuple:
    table = import_parquet().read_table(file)
    files, classes = (table[name].to_pylist() for name in ('file', 'class'))
    features = np.concatenate([chunk.flatten().to_numpy() for chunk in table['feature'].chunks])
    patches = None
    if 'patches' in table.column_names:
        patches = np.concatenate([chunk.to_numpy_ndarray() for chunk in table['patches'].chunks])
    return files, classes, features.reshape(len(files), -1), patches
