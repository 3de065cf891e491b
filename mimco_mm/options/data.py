"""--data: the images that a config reads, in whatever they lie."""

import os
from typing import Any, Optional, Set

from mmengine import fileio
from mmengine.config import Config, ConfigDict

from ..datasets import TRAINING, address_of
from ..errors import MissingPackage
from .config_files import unfit

TESTING = ('val', 'test')  # a folder that holds these beside train/ holds a part to train on


def set_data(cfg: Config, source: str) -> None:
    """Images to train on: a folder of them, at any depth, a tar, ``tar://`` or ``lmdb://FOLDER``.

    Of a folder that holds train/ beside val/ or test/, and of one in whose train/ the shards or the
    database lie, pre-training takes train/.
    """
    source = images_at('--data', source)
    found = False
    for part in ('train', 'val', 'test'):
        dataset = innermost_dataset(cfg.get(f'{part}_dataloader'))
        if dataset is None:
            continue
        found = True
        if dataset.get('with_label') is False:
            dataset.data_root, dataset.data_prefix = training_part(source), ''
        else:
            move_annotations(cfg.get(f'{part}_evaluator'), dataset.get('data_root'), source)
            dataset.data_root = source
    if not found:
        raise unfit(cfg, '--data', 'it reads no images from a folder')


def images_at(option: str, source: str) -> str:
    """The address of what an option names.

    Raises:
        ConfigError: an address of another scheme, or nothing.
        DataError: an archive that cannot be read in any order.
    """
    return address_of(os.path.expanduser(source).rstrip('/') or source[:1], option)


def training_part(source: str) -> str:
    """``source``, or train/ in it: where it is beside val/ or test/, or is where the pack lies."""
    inside = f'{source}/{TRAINING}'
    found = folders_in(source)
    if found is None:  # of what cannot be read whoever reads it says what is wrong
        return source if folders_in(inside) is None else inside
    return inside if TRAINING in found and found & set(TESTING) else source


def folders_in(source: str) -> Optional[Set[str]]:
    """The folders in a folder, or in a pack of images; None if it cannot be read.

    Raises:
        MissingPackage: what it would be read by.
    """
    try:
        return set(fileio.list_dir_or_file(source, list_file=False))
    except MissingPackage:
        raise
    except (OSError, RuntimeError):
        return None


def move_annotations(evaluator: Any, old: Optional[str], new: str) -> None:
    """Let the annotation file of COCO's metric follow the data."""
    for metric in evaluator if isinstance(evaluator, list) else [evaluator or {}]:
        file = metric.get('ann_file')
        if old and isinstance(file, str) and file.startswith(old):
            metric.ann_file = f'{new}/{file[len(old):].lstrip("/")}'


def innermost_dataset(loader: Optional[ConfigDict]) -> Optional[ConfigDict]:
    """The dataset of a loader that reads files, out of its wrappers."""
    dataset = (loader or {}).get('dataset')
    while isinstance(dataset, dict) and isinstance(dataset.get('dataset'), dict):
        dataset = dataset.dataset
    return dataset
