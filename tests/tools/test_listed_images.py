"""The tools on folders and tars with more in them than images."""

import os
import tarfile

import pytest
from mmengine import fileio
from PIL import Image

from mimco_mm.datasets import list_images
from tests import tiny
from tests.attacks.jpegs import photograph, saved, sized
from tests.doors.support import ROOT, run
from tests.tars import write_tar
from tests.tools.modules import call, refusal

FORMATS = ['avif', 'bmp', 'gif', 'jfif', 'jp2', 'jpeg', 'jpg', 'pgm', 'png', 'ppm', 'tif', 'tiff',
           'webp']
IGNORED = ('files of other endings: 2 (.db 1, .txt 1), dangling links: 1, hidden: 3, links to a '
           'folder around them: 1')


@pytest.fixture
def data(tmp_path):
    """train/a/N.EXT, 13 images of 13 endings, and what is none."""
    train = tmp_path / 'data' / 'train'
    (train / 'a').mkdir(parents=True)
    for number, ending in enumerate(FORMATS):
        image = Image.linear_gradient('L').resize((40, 40))
        image.convert('L' if ending == 'pgm' else 'RGB').save(train / 'a' / f'{number}.{ending}')
    for name in ('notes.txt', 'Thumbs.db', '.DS_Store', '._0.jpg'):
        (train / 'a' / name).write_bytes(b'none')
    (train / '.ipynb_checkpoints').mkdir()
    (train / '.ipynb_checkpoints' / 'x.png').write_bytes((train / 'a' / '8.png').read_bytes())
    (train / 'gone.jpg').symlink_to('nowhere.jpg')
    (train / 'a' / 'up').symlink_to('..')
    return tmp_path / 'data'


def test_training__lists_every_format_and_says_what_it_ignores(data, tmp_path):
    config = tiny.config('mimco_swin-t', tmp_path / 'work', data, epochs=1)
    config.model.target_generator.checkpoint = str(tiny.write_teacher(tmp_path / 'teacher.pth'))
    config.dump(str(tmp_path / 'small.py'))
    done = run(f'python {ROOT}/tools/train.py small.py', tmp_path)
    assert done.code == 0, done.text[-3000:]
    assert f'data {data}/train: 13 images' in done.text
    (line, ) = [line for line in done.text.splitlines() if f'ignored under {data}/train' in line]
    assert line.endswith(f'train: {IGNORED}')
    assert 'broken' not in done.text


@pytest.mark.parametrize('scheme', ['tar', 'lmdb'])
def test_packing__packs_what_training_lists(data, tmp_path, scheme):
    os.mkfifo(data / 'train' / 'pipe.jpg')  # reading it would wait for ever
    last = call('convert/pack_images.py', data / 'train', tmp_path / 'out', '--format',
                scheme).splitlines()[-1]
    assert last.startswith(f'{tmp_path}/out: 13 images')
    assert last.endswith(f'; ignored: {IGNORED}, neither files nor folders: 1')
    packed = list_images(f'{scheme}://{tmp_path}/out')
    assert packed.names == list_images(data / 'train').names and len(packed.names) == 13


def test_packing__images_that_cannot_be_read_end_in_one_line(data, tmp_path):
    said = refusal('convert/pack_images.py', data / 'missing', tmp_path / 'out')
    assert said.startswith('error: ') and 'No such file or directory' in said
    for number, ending in enumerate(FORMATS):
        (data / 'train' / 'a' / f'{number}.{ending}').unlink()
    said = refusal('convert/pack_images.py', data / 'train', tmp_path / 'out')
    assert said.startswith('error: There are no images (')
    assert said.endswith(f': ignored: {IGNORED}')


def test_indexing__links_count_and_what_is_left_out_is_said(tmp_path):
    tar = write_tar(tmp_path / 'a.tar', {
        'x/a.webp': b'content', 'x/._a.webp': b'-', 'x/a.json': b'{}', 'y/b.webp': '../x/a.webp',
        'y/d.webp': 'nowhere.webp'})
    write_tar(tar, {'y/c.webp': 'x/a.webp'}, tarfile.LNKTYPE, mode='a')
    assert call('convert/index_shards.py', tmp_path).splitlines()[-1] == (
        f'{tmp_path}: 3 images in 1 shard; ignored: files of other endings: 1 (.json 1), '
        'dangling links: 1, hidden: 1')
    for name in ('x/a.webp', 'y/b.webp', 'y/c.webp'):
        assert fileio.get(f'tar://{tmp_path}/{name}') == b'content'


def test_shards_of_a_stranger__are_indexed_and_trained_on(tmp_path):
    """Nothing of this machine is read, no giant image decoded, and what is left out is said."""
    cfg = tiny.config('mimco_swin-t', tmp_path / 'run', tmp_path, epochs=1, **{
        'model.target_generator.checkpoint': str(tiny.write_teacher(tmp_path / 'teacher.pth')),
        'train_dataloader.num_workers': 1})
    cfg.dump(str(tmp_path / 'small.py'))
    folder = tmp_path / 'shards'
    folder.mkdir()
    (tmp_path / 'private.jpg').write_bytes(saved(photograph()))
    write_tar(folder / 'a.tar', {
        **{f'{n}.jpg': saved(photograph()) for n in range(5)},
        'giant.jpg': sized(60000, 60000),
        '../private.jpg': saved(photograph()),
        'private.jpg': saved(photograph()), 'private.cls': os.fsencode(tmp_path)})
    assert call('convert/index_shards.py', folder).splitlines()[-1].endswith(
        '7 images in 1 shard; ignored: classes (.cls) that are no name of a folder: 1, '
        'names that lead out of the folder: 1')

    trained = run(f'python {ROOT}/tools/train.py small.py --data "tar://{folder}" --batch-size 7',
                  tmp_path)
    assert trained.code == 0, trained.text
    assert (tmp_path / 'run' / 'broken_images.txt').read_text() == (
        f'epoch 1: tar://{folder}/giant.jpg: 60000 x 60000 px by its header, and no image of more '
        'than 178956970 px is read; to shrink it: docs/data.md#large-images\n')
    assert '1 of 7 images could not be read in epoch 1' in trained.text
