"""Which columns of a parquet file hold images and classes, and what folders the classes get."""

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from ...errors import DataError
from ...names import printable

MAX_NAME = 150  # bytes of a class or of an image's name, of the 511 that a key of LMDB may have
USUAL = ('image', 'img', 'jpg', 'png')  # of several columns of images the first of these


class Columns(NamedTuple):
    """Where images and classes are: columns, whether images have a path, and classes' names."""

    image: str
    label: Optional[str]
    with_path: bool
    classes: Optional[List[str]]


def find_columns(opened: Any, file: Path, image: Optional[str], label: Optional[str]) -> Columns:
    """Which columns hold images and classes.

    Raises:
        DataError: none that holds images, several, or not those that were asked for.
    """
    import pyarrow as pa
    schema = opened.schema_arrow
    features = _features(schema.metadata or {})
    kinds = {name: _kind(schema.field(name).type, pa) for name in schema.names}
    found = [name for name, kind in kinds.items() if kind == 'struct'
             or kind == 'binary' and (name in USUAL or name == image)]
    if image is None and len(found) > 1:
        found = [name for name in USUAL if name in found][:1] or found
    if image is not None:
        if image not in found:
            raise DataError(f'{printable(file)} has no column {printable(image)} of images '
                            f'({{bytes, path}}, or bytes alone); its columns are '
                            f'{", ".join(map(printable, schema.names))}.')
        found = [image]
    if len(found) != 1:
        raise DataError(
            f'{printable(file)} has the columns {", ".join(map(printable, schema.names))}; '
            f'expected one of images ({{bytes, path}}), and there are {len(found)} '
            f'({", ".join(map(printable, found))}). Name it with --image-column COLUMN.')
    labels = [name for name in schema.names if kinds[name] == 'integer'
              and (features.get(name, {}).get('_type') == 'ClassLabel' or name in ('label', label))]
    if label is not None and label not in labels:
        raise DataError(f'{printable(file)} has no column {printable(label)} of classes, numbers '
                        f'from 0 up; there are {", ".join(map(printable, labels)) or "none"}.')
    chosen = label or next((name for name in ('label', *labels) if name in labels), None)
    return Columns(found[0], chosen, kinds[found[0]] == 'struct',
                   class_folders(features.get(chosen, {}).get('names')))


def _kind(of: Any, pa: Any) -> str:
    if pa.types.is_struct(of) and {of.field(i).name for i in range(of.num_fields)} >= {
            'bytes', 'path'}:
        return 'struct'
    if pa.types.is_binary(of) or pa.types.is_large_binary(of):
        return 'binary'
    return 'integer' if pa.types.is_integer(of) else ''


def _features(metadata: Dict[bytes, bytes]) -> Dict[str, dict]:
    """What datasets writes of the columns; nothing of files that others have written."""
    try:
        found = json.loads(metadata[b'huggingface'])['info']['features']
        return {name: value for name, value in found.items() if isinstance(value, dict)}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def class_folders(names: Any) -> Optional[List[str]]:
    """A folder for each class; None, for numbers, where names cannot be folders of their own."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    folders = [clean(name.replace('/', '_')) for name in names]
    return folders if all(folders) and len(set(folders)) == len(folders) else None


def clean(name: str) -> str:
    """A name as a file may have it, not hidden and not too long; it may be empty."""
    shown = printable(name.encode(errors='replace').decode()).lstrip('. ')
    return shown.encode()[:MAX_NAME].decode(errors='ignore').rstrip()


def bytes_chunk(opened: Any, group: int, columns: Columns) -> Any:
    """What the file tells of the images' bytes in a row group."""
    path = f'{columns.image}.bytes' if columns.with_path else columns.image
    of_group = opened.metadata.row_group(group)
    chunks = (of_group.column(number) for number in range(of_group.num_columns))
    return next(chunk for chunk in chunks if chunk.path_in_schema == path)
