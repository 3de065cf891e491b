"""Bad images through the pre-training's own pipeline: which are read, replaced, or not listed."""

import os
import socket
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import lru_cache
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS
from torch.utils.data import DataLoader

from mimco_mm.datasets import SUFFIXES, ResilientDataset, collate_decoded, list_images
from mimco_mm.names import printable

from .jpegs import JPEGS, photograph, saved
from .other_formats import OTHERS

CONFIG = Path(__file__).parents[2] / 'configs/pretrain/mimco_swin-t.py'
GOOD = '~ good.jpg'
Outcome = tuple[str, str, str]  # kind, name, what has become of it


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket may have 107 bytes
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def _holes(path: Path) -> None:
    path.write_bytes(saved(photograph()))
    os.truncate(path, 10**11)


def images() -> dict[str, Callable[[Path], object]]:
    """File name -> function that makes it at a path; of the formats that Pillow decodes here."""
    made = {name: lambda path, content=content: path.write_bytes(content())
            for name, content in {**JPEGS, **OTHERS}.items() if name.endswith(SUFFIXES)}
    made.update({
        'FIFO.jpg': os.mkfifo,
        'socket.jpg': _socket,
        'folder.jpg': lambda path: path.mkdir(),
        'link to nothing.jpg': lambda path: path.symlink_to('nothing'),
        'link to itself.jpg': lambda path: path.symlink_to(path.name),
        'link to a device.jpg': lambda path: path.symlink_to('/dev/zero'),
        'holes of 100 GB.jpg': _holes,
        'with a\nline break.jpg': lambda path: path.write_bytes(saved(photograph())),
        os.fsdecode(b'no UTF-8 \xff.jpg'): lambda path: path.write_bytes(saved(photograph())),
    })
    return made


@lru_cache
def _config() -> dict:
    return Config.fromfile(CONFIG).train_dataloader.dataset.to_dict()


def dataset(data_root: str) -> ResilientDataset:
    """What a run with ``--data`` reads, in the order of the names."""
    config = deepcopy(_config())
    config['dataset'].update(data_root=data_root, data_prefix='')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return DATASETS.build(config)


def samples(images: ResilientDataset, num_workers: int) -> Iterator[tuple[str, str]]:
    """Each image's path, and why it was replaced, if it was; with the last one for a batch."""
    paths = [images.dataset.get_data_info(row)['img_path'] for row in range(len(images))]
    batches = [[row, len(images) - 1] for row in range(len(images))]
    loader = DataLoader(images, batch_sampler=batches, num_workers=num_workers,
                        collate_fn=collate_decoded, timeout=60 if num_workers else 0)
    for path, batch in zip(paths, loader):
        yield path, batch['data_samples'][0].get('broken_images', {}).get(path, '')


def run(folder: Path) -> list[Outcome]:
    """Make each image in ``folder``, which is new, and read all of them by one worker."""
    listed, found = folder / 'listed', []
    listed.mkdir(parents=True)
    (listed / GOOD).write_bytes(saved(photograph()))
    for name, make in images().items():
        alone = folder / f'alone-{len(found)}'
        alone.mkdir()
        make(alone / name)
        (alone / GOOD).write_bytes(saved(photograph()))
        names, _, ignored = list_images(alone)
        if name in names:
            os.rename(alone / name, listed / name)
        found.append(('image', printable(name), f'not listed: {ignored or "a folder"}'))
    outcomes = {}
    for path, reason in samples(dataset(str(listed)), num_workers=1):
        outcomes[printable(Path(path).name)] = f'replaced: {reason}' if reason else 'read'
    return [(kind, name, outcomes.get(name, outcome)) for kind, name, outcome in found]
