"""Labels by folders: hidden ones are no classes, and what is missing is said."""

import os

import pytest

from mimco_mm.datasets import BrokenImageError, LabelError, LabelledImages, check_same_classes
from mimco_mm.datasets.image_files import is_hidden
from mimco_mm.evaluation import labelled_folder
from tests import tiny
from tests.datasets.packs import pack


@pytest.fixture
def data(tmp_path):
    """train/CLASS/NN.png in tmp_path: 2 images of b and 1 of c, and hidden ones."""
    tiny.write_images(tmp_path, 3)
    for name, number in dict(b='00', c='02', **{'.git': '01', '.ipynb_checkpoints': '00'}).items():
        (tmp_path / 'train' / name).mkdir()
        (tmp_path / 'train' / f'{number}.png').rename(tmp_path / 'train' / name / '00.png')
        tiny.write_images(tmp_path, 3)
    return tmp_path


def add(data, name: str) -> None:
    path = data / 'train' / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((data / 'train' / '00.png').read_bytes())


def labels(dataset: LabelledImages) -> dict:
    """{path in the folder: label}."""
    infos = [dataset.get_data_info(row) for row in range(len(dataset))]
    return {info['img_path'].partition('/train/')[2]: info['gt_label'] for info in infos}


@pytest.mark.parametrize('scheme', ['', 'tar', 'lmdb'])
def test_hidden_folders_and_files__count_nowhere(data, scheme):
    for name in ('b/01.png', 'b/._01.png', 'b/.old/02.png'):
        add(data, name)
    root = str(data)
    if scheme:
        pack(data / 'train', data / 'packed' / 'train', scheme)
        root = f'{scheme}://{data}/packed'
    dataset = LabelledImages(data_root=root, data_prefix='train', pipeline=[])
    assert dataset.metainfo['classes'] == ('b', 'c')
    assert labels(dataset) == {'b/00.png': 0, 'b/01.png': 0, 'c/00.png': 1}


@pytest.mark.parametrize('path, hidden', [
    ('a/b.png', False), ('a.b/c.', False), ('.a/b.png', True), ('a/.b.png', True),
    ('a/.c/b.png', True)])
def test_is_hidden(path, hidden):
    assert is_hidden(path) == hidden


def test_class_without_images__keeps_its_label(data, capfd):
    (data / 'train' / os.fsdecode(b'a\xe9')).mkdir()
    dataset = LabelledImages(data_root=str(data), data_prefix='train', pipeline=[])
    assert labels(dataset) == {'b/00.png': 1, 'c/00.png': 2}
    assert 'Logging error' not in capfd.readouterr().err


def test_classes_of_the_config__must_be_as_many_as_the_folders(data):
    with pytest.raises(LabelError, match='there are 2 folders .*3'):
        LabelledImages(data_root=str(data), data_prefix='train', pipeline=[],
                       metainfo=dict(classes=('x', 'y', 'z')))
    named = LabelledImages(data_root=str(data), data_prefix='train', pipeline=[],
                           metainfo=dict(classes=('x', 'y')))
    assert named.metainfo['classes'] == ('x', 'y') and labels(named)['c/00.png'] == 1


def test_labelled_folder__names_an_image_that_cannot_be_read(data):
    (data / 'train' / 'c' / os.fsdecode(b'\xff.png')).write_bytes(b'')
    with pytest.raises(BrokenImageError, match=r'/train/c/\\xff.png cannot be read'):
        list(labelled_folder(str(data), 'train', 32, num_workers=0))


def test_check_same_classes__names_what_differs():
    check_same_classes('one', ('a', 'b'), 'two', ['a', 'b'])
    check_same_classes('one', None, 'two', ('a', ))  # a list of labels
    with pytest.raises(LabelError, match='one and two do not have the same classes: 3 and 2; only '
                                         r'in one: a\\n, b; only in two: d\.'):
        check_same_classes('one', ('a\n', 'b', 'c'), 'two', ('c', 'd'))
