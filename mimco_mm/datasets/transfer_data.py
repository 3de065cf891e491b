"""What detection and segmentation data must be like: errors, before a run, that name config keys.

The libraries that read the data find some of this out late, or in words of their own: a label
beyond the last class, say, is an assertion inside a GPU kernel.
"""

import json
import mmap
import re
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence, Tuple

import mmcv
import numpy as np

from ..errors import UserError
from .transforms.opening import BrokenImageError, image_errors

IGNORED = 255  # the label of pixels that belong to no class
SAMPLED = 8  # label maps that are looked into
MAX_BYTES = 2**24  # of a list of categories; LVIS's is the longest, with half a million
SHOWN = 5  # names that an error lists


class TransferDataError(UserError, ValueError):
    """Images, annotations or classes do not fit; the message says what mends it."""


def check_files(dataset: dict, key: str) -> None:
    """Refuse a dataset's config whose annotation file or folders are not there.

    Args:
        dataset: with ``data_root``, ``ann_file`` and ``data_prefix``, as mmengine's datasets have.
        key: the config's key of it, for the error message.

    Raises:
        TransferDataError: a path does not exist. Remote storage is not looked at.
    """
    for name, path in _paths(dataset):
        if not path.exists():
            raise TransferDataError(
                f'`{key}.{name}`: there is no {path} (looked in {Path.cwd()}). Put or link the '
                f'data there, or set `{key}.data_root`; tools/transfers/make_dense_sets.py '
                'makes a small set in this layout.')


def _paths(dataset: dict) -> Iterator[Tuple[str, Path]]:
    root = dataset.get('data_root') or ''
    prefixes = dataset.get('data_prefix') or {}
    if isinstance(prefixes, str):
        prefixes = {'': prefixes}
    given = {'ann_file': dataset.get('ann_file')}
    given.update({f'data_prefix.{name}'.rstrip('.'): path for name, path in prefixes.items()})
    for name, path in given.items():
        if path and '://' not in f'{root}{path}' and not dataset.get('backend_args'):
            yield name, Path(root, path)


def check_categories(ann_file: Path, classes: Sequence[str], key: str) -> None:
    """Refuse COCO annotations that lack classes of the dataset.

    mmdet would number the categories that are left, and fail, or compare the wrong ones.

    Args:
        ann_file: a .json file in COCO's format.
        classes: names of the dataset's classes.
        key: the config's key of the dataset.

    Raises:
        TransferDataError: classes are missing, or there are no categories at all.
    """
    found = read_categories(ann_file)
    if found is None:
        raise TransferDataError(f'`{key}.ann_file`: {ann_file} has no list of "categories": it is '
                                'no COCO annotation file.')
    missing = [name for name in classes if name not in found]
    if missing:
        raise TransferDataError(
            f'`{key}.ann_file`: {ann_file} has {len(found)} categories ({_some(found)}), and '
            f'lacks {len(missing)} of the {len(classes)} classes that are expected '
            f'({_some(missing)}). Set `{key}.metainfo.classes` to its own, in training, validation '
            'and test, and each `num_classes` of the model to their number.')


def read_categories(ann_file: Path) -> Optional[List[str]]:
    """Names in the "categories" of a COCO annotation file, which is not parsed as a whole.

    Raises:
        TransferDataError: they are damaged.
    """
    with open(ann_file, 'rb') as file:
        if not file.seek(0, 2):
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for match in re.finditer(rb'"categories"\s*:\s*(?=\[)', content):
                text = content[match.end():match.end() + MAX_BYTES].decode(errors='replace')
                try:
                    found = json.JSONDecoder().raw_decode(text)[0]
                    return [category['name'] for category in found]
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    raise TransferDataError(
                        f'The "categories" of {ann_file} cannot be read ({type(error).__name__}: '
                        f'{error}): the file is cut, damaged, or in no format of COCO.') from error
    return None


def check_class_count(model: Any, classes: Sequence[str], path: str = 'model') -> None:
    """Refuse a model's config of which a ``num_classes`` is not the number of classes.

    Raises:
        TransferDataError: it names the key.
    """
    items = model.items() if isinstance(model, dict) else enumerate(model)
    for name, value in items:
        if name == 'num_classes' and value != len(classes):
            raise TransferDataError(
                f'`{path}.num_classes`={value}, but the dataset has {len(classes)} classes '
                f'({_some(classes)}). Set it to {len(classes)}, or `metainfo.classes` of all '
                f'datasets to {value} names.')
        if isinstance(value, (dict, list, tuple)):
            check_class_count(value, classes, f'{path}.{name}')


def check_label_maps(dataset: Any, key: str) -> None:
    """Look into a few label maps of a segmentation dataset; others pass as they are.

    Args:
        dataset: built; segmentation is told by its ``reduce_zero_label``.
        key: the config's key of it.

    Raises:
        TransferDataError: one is missing, is coloured, or has labels beyond the last class.
    """
    if not hasattr(dataset, 'reduce_zero_label'):
        return
    classes = dataset.METAINFO.get('classes') or dataset.metainfo['classes']
    for index in np.unique(np.linspace(0, len(dataset) - 1, SAMPLED).astype(int)):
        info = dataset.get_data_info(index)
        path = Path(info['seg_map_path'])
        if not path.is_file():
            raise TransferDataError(f'`{key}.data_prefix.seg_map_path`: {info["img_path"]} has no '
                                    f'label map {path}.')
        try:
            with image_errors():
                labels = mmcv.imread(path, flag='unchanged', backend='pillow').squeeze()
        except BrokenImageError as error:
            raise TransferDataError(f'The label map {path} cannot be read ({error}): restore the '
                                    'file.') from error
        if labels.ndim != 2:
            raise TransferDataError(f'{path} has {labels.shape[-1]} channels: a label map is one '
                                    'of classes, (height, width), not of colours.')
        first = int(dataset.reduce_zero_label)
        highest = int(labels[labels != IGNORED].max(initial=0))
        if highest >= len(classes) + first:
            raise TransferDataError(
                f'{path} has a label {highest}, but {len(classes)} classes are labelled {first} to '
                f'{len(classes) + first - 1} ({IGNORED} is ignored). Set `{key}.metainfo.classes` '
                'and each `num_classes` of the model to what the label maps have, or '
                f'`{key}.reduce_zero_label`.')


def _some(names: Sequence[str]) -> str:
    return ', '.join(map(str, names[:SHOWN])) + ', ...' * (len(names) > SHOWN)
