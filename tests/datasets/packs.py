"""Packs of images, as the tests of several formats make them."""

from pathlib import Path

from mimco_mm.datasets.ignored import Ignored
from mimco_mm.datasets.storage import packing
from mimco_mm.datasets.storage.sources import FolderSource
from mimco_mm.datasets.storage.tar_index import write_index
from mimco_mm.datasets.storage.tar_scan import scan_shards
from tests import tiny


def pack(source: Path, out: Path, scheme: str, shard_bytes: int = 500) -> str:
    """Pack a folder, and return its URI."""
    out.mkdir(parents=True, exist_ok=True)
    images = FolderSource(source)
    if scheme == 'lmdb':
        assert list(packing.write_lmdb(images, out)) == images.names
    else:
        assert list(packing.write_shards(images, out, shard_bytes)) == images.names
        index(out)
    return f'{scheme}://{out}'


def index(folder: Path) -> int:
    return write_index(folder, scan_shards(folder))


def scanned(folder: Path, ignored: Ignored | None = None) -> list:
    return [member for part in scan_shards(folder, ignored) for member in part.members]


def write_folder(root: Path) -> Path:
    """{lying,standing}/NN.png, twelve images."""
    train = tiny.write_stripes(root, train=6, test=1) / 'train'
    (train / 'lying' / '00.png').rename(train / 'lying' / 'größe.png')
    return train
