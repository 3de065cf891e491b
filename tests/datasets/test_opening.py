"""Every door that images come in by refuses giant ones before they are decoded, and no files."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mimco_mm.datasets import BrokenImageError, LoadRGBImage, image_loader
from mimco_mm.datasets.revisited import RevisitedImages
from mimco_mm.datasets.transfer_data import TransferDataError, check_label_maps
from mimco_mm.datasets.transforms import LoadCodedImage
from mimco_mm.datasets.transforms.opening import MAX_BYTES, MAX_PIXELS, check_bytes, check_pixels
from mimco_mm.errors import DataError
from mimco_mm.transfers.made_sets import dense as dense_sets
from mimco_mm.transfers.made_sets import retrieval as retrieval_sets
from tests.attacks.jpegs import photograph, saved, sized
from tests.attacks.other_formats import png

DOCS = Path(__file__).parents[2] / 'docs'


def rgb(path: Path) -> None:
    LoadRGBImage()(dict(img_path=str(path)))


def coded(path: Path) -> None:
    """As where the device decodes: such a file never gets there."""
    LoadCodedImage()(dict(img_path=str(path)))


def frozen(path: Path) -> None:
    """k-NN, t-SNE, patterns."""
    (batch, ) = image_loader([str(path)], 32, num_workers=0)
    raise BrokenImageError(batch.broken[str(path)])


def retrieval(path: Path) -> None:
    RevisitedImages(path.parent, [path.stem], 64)[0]


def retrieval_set(path: Path) -> None:
    retrieval_sets.load(path, 64)


def dense_set(path: Path) -> None:
    dense_sets.read(path, 64)


class Labelled(list):
    """A segmentation dataset of mmseg's form."""

    reduce_zero_label = False
    METAINFO = dict(classes=('a', 'b'))

    def get_data_info(self, index: int) -> dict:
        return self[index]


def label_map(path: Path) -> None:
    check_label_maps(Labelled([dict(img_path='', seg_map_path=str(path))]), 'dataset')


DOORS = [rgb, coded, frozen, retrieval, retrieval_set, dense_set, label_map]


@pytest.mark.parametrize('content', [sized(60000, 60000), png(40000, 40000)], ids=['JPEG', 'PNG'])
@pytest.mark.parametrize('door', DOORS, ids=lambda door: door.__name__)
def test_giant_images__are_refused_before_they_are_decoded(tmp_path, door, content):
    (tmp_path / 'giant.jpg').write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((BrokenImageError, DataError, TransferDataError),
                       match=f'{MAX_PIXELS} px is read|exceeds limit of {MAX_PIXELS} pixels'):
        door(tmp_path / 'giant.jpg')
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000  # KB, of the 9.3 GB that the first would take


def test_limit__is_pillows():
    assert MAX_PIXELS == 2 * Image.MAX_IMAGE_PIXELS
    check_pixels(1, MAX_PIXELS)
    check_bytes(MAX_BYTES)
    with pytest.raises(BrokenImageError, match=f'178956971 x 1 px .* {MAX_PIXELS} px'):
        check_pixels(MAX_PIXELS + 1, 1)
    with pytest.raises(BrokenImageError, match=f'{MAX_BYTES + 1} bytes'):
        check_bytes(MAX_BYTES + 1)


@pytest.mark.parametrize('door', [rgb, coded])
@pytest.mark.parametrize('kind', ['FIFO', 'device', 'holes'])
def test_what_is_no_file_or_has_no_end__is_not_read(tmp_path, door, kind):
    """A list of images may name anything."""
    path = tmp_path / 'image.jpg'
    if kind == 'FIFO':
        os.mkfifo(path)
    elif kind == 'device':
        path.symlink_to('/dev/zero')
    else:
        path.write_bytes(saved(photograph()))
        os.truncate(path, 10**11)
    with pytest.raises(BrokenImageError, match='100000000000 bytes' if kind == 'holes' else
                       'it is no file'):
        door(path)


def test_large_images__are_shrunk_by_the_command_of_the_docs(tmp_path):
    text = (DOCS / 'data.md').read_text()
    assert '\n### Large images\n' in text  # which messages name as docs/data.md#large-images
    command = re.search(r'python -c \'([^\']+)\' photo.tif smaller.jpg', text)[1]
    ramp = np.tile(np.arange(200, dtype=np.uint8), (50, 80))
    Image.fromarray(ramp).save(tmp_path / 'photo.tif')
    subprocess.run([sys.executable, '-c', command, 'photo.tif', 'smaller.jpg'], cwd=tmp_path,
                   check=True)
    assert Image.open(tmp_path / 'smaller.jpg').size == (8000, 25)
