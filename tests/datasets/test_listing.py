"""Which files are images: the same ones everywhere, and what is left out is counted."""

import os
import tarfile
from pathlib import Path

import pytest
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmpretrain.datasets import CustomDataset
from mmpretrain.registry import DATASETS
from PIL import Image

from mimco_mm.datasets import (
    SUFFIXES,
    LabelError,
    ResilientDataset,
    decode,
    find_images,
    is_hidden,
    list_images,
)
from mimco_mm.datasets.ignored import CLOSED, HIDDEN, LINK, LOOP, SPECIAL, Ignored
from mimco_mm.datasets.storage import packing
from mimco_mm.datasets.storage.sources import FolderSource
from mimco_mm.datasets.storage.tar_index import write_index
from mimco_mm.datasets.storage.tar_scan import Part, scan_shards
from mimco_mm.embedding import list_source
from mimco_mm.evaluation import labelled_folder
from mimco_mm.figures.class_sample import sample_classes
from mimco_mm.study import write_subset

COMMON = ['avif', 'bmp', 'gif', 'jfif', 'jp2', 'jpeg', 'jpg', 'pgm', 'png', 'ppm', 'tif', 'tiff',
          'webp']


def save(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('L' if path.suffix == '.pgm' else 'RGB', (16, 16), shade).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """data/train/{a,b}/EXT.EXT in every common format, and what must not count."""
    for name in 'ab':
        for ending in COMMON:
            save(tmp_path / 'data' / 'train' / name / f'{ending}.{ending}')
        save(tmp_path / 'data' / 'train' / name / '.ipynb_checkpoints' / 'x.png')
        (tmp_path / 'data' / 'train' / name / '._x.jpg').write_bytes(b'\0\5\26\7')
        (tmp_path / 'data' / 'train' / name / 'notes.txt').touch()
        (tmp_path / 'data' / 'train' / name / 'gone.jpg').symlink_to('nowhere.jpg')
    save(tmp_path / 'data' / 'train' / '.hidden' / 'x.png')
    (tmp_path / 'data' / 'train' / '.DS_Store').touch()
    return tmp_path / 'data' / 'train'


def build(kind: str = 'ImageFolder', **config) -> CustomDataset:
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return DATASETS.build(dict(type=kind, **config))


def paths(dataset: CustomDataset) -> list:
    return [dataset.get_data_info(row)['img_path'] for row in range(len(dataset))]


WANTED = [f'{name}/{ending}.{ending}' for name in 'ab' for ending in COMMON]


def test_suffixes__hold_every_common_format():
    assert {f'.{ending}' for ending in COMMON} <= set(SUFFIXES)


def test_images__are_the_same_everywhere(folder, tmp_path):
    found = {
        'tools': [os.path.relpath(path, folder) for path in find_images(folder)],
        'training': [os.path.relpath(path, folder)
                     for path in paths(build(data_root=str(folder), with_label=False))],
        'transfers': [os.path.relpath(path, folder)
                      for path in paths(build('LabelledImages', data_root=str(folder)))],
        'knn': [os.path.relpath(path, folder)
                for path in paths(labelled_folder(str(folder.parent), 'train', 16).dataset)],
        'tsne': [os.path.relpath(path, folder)
                 for images in sample_classes(list_source(str(folder)), count=2).values()
                 for path in images],
    }
    (folder.parent / 'test').symlink_to('train')
    write_subset(folder.parent, tmp_path / 'part', 99, 99)
    found['study'] = [path.relative_to(tmp_path / 'part' / 'train').as_posix()
                      for path in sorted((tmp_path / 'part' / 'train').rglob('*.*'))]
    assert {name: list(names) for name, names in found.items()} == dict.fromkeys(found, WANTED)
    for name in WANTED:
        assert decode((folder / name).read_bytes()).shape == (16, 16, 3)


@pytest.mark.parametrize('scheme', ['tar', 'lmdb'])
def test_images_of_a_pack__hidden_ones_of_an_older_pack_do_not_count(folder, tmp_path, scheme):
    names = sorted([*WANTED, '.hidden/x.png', 'a/._x.jpg', 'a/.ipynb_checkpoints/x.png'])
    out = tmp_path / 'pack'
    out.mkdir()
    if scheme == 'lmdb':
        older = FolderSource(folder)
        older.names = names
        assert list(packing.write_lmdb(older, out)) == names
    else:
        with tarfile.open(out / '0.tar', 'w') as shard:
            for name in names:
                shard.add(folder / WANTED[0], name)
        with tarfile.open(out / '0.tar') as shard:
            members = [(one.name, one.offset_data, one.size) for one in shard]
        write_index(out, [Part(out / '0.tar', members, 0)])
    dataset = build('LabelledImages', data_root=f'{scheme}://{out}')
    assert paths(dataset) == [f'{scheme}://{out}/{name}' for name in WANTED]
    assert dataset.metainfo['classes'] == ('a', 'b') and dataset.ignored.others == {HIDDEN: 3}


@pytest.mark.parametrize('name, hidden', [
    ('a.jpg', False), ('a/b.jpg', False), ('a.b/c..d.jpg', False), ('.a.jpg', True),
    ('a/._b.jpg', True), ('.a/b.jpg', True), ('a/.b/c.jpg', True)])
def test_is_hidden(name, hidden):
    assert is_hidden(name) == hidden


def test_ignored__is_counted_and_reaches_the_summary(folder):
    os.mkfifo(folder / 'a' / 'pipe.jpg')
    (folder / 'a' / 'circle.png').symlink_to('circle.png')
    (folder / 'beside.png').write_bytes((folder / 'a' / 'png.png').read_bytes())
    (folder / 'README').touch()
    dataset = ResilientDataset(build(data_root=str(folder), with_label=False))
    assert len(dataset) == len(WANTED) + 1
    assert dataset.ignored.others == {HIDDEN: 6, LINK: 3, SPECIAL: 1}
    assert dataset.ignored.endings == {'.txt': 2, 'none': 1}
    assert str(dataset.ignored) == (
        'files of other endings: 3 (.txt 2, none 1), dangling links: 3, hidden: 6, '
        'neither files nor folders: 1')
    labelled = build(data_root=str(folder))
    assert paths(labelled) == [f'{folder}/{name}' for name in WANTED]
    assert labelled.ignored.others['images beside the class folders'] == 1


def test_folder_of_packs__is_told_how_they_are_read(tmp_path):
    for name in ('0.tar', 'data.mdb'):
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=f'read by tar://{tmp_path} and lmdb://{tmp_path}$'):
        find_images(tmp_path)


def test_ignored__endings_that_are_no_words_stay_out_of_the_log():
    ignored = Ignored()
    assert str(ignored) == 'nothing' and not ignored
    for name in [f'{n}.x{n}' for n in range(8)] + ['a.x0', 'a.\udcff', 'a.b\nc', 'a. 1', 'a']:
        ignored.add_file(name)
    assert str(ignored) == ('files of other endings: 13 (none 4, .x0 2, .x1 1, .x2 1, .x3 1, '
                            '4 more)')


# Links


@pytest.fixture
def four(tmp_path):
    """root/in/data/{x,y}/{0,1}.png"""
    for name in ('x/0', 'x/1', 'y/0', 'y/1'):
        save(tmp_path / 'in' / 'data' / f'{name}.png')
    return tmp_path / 'in' / 'data'


FOUR = ['x/0.png', 'x/1.png', 'y/0.png', 'y/1.png']


@pytest.mark.parametrize('link, target', [
    ('up', '.'), ('x/up', '..'), ('x/self', '.'), ('up', '..'), ('x/up', '../../..'), ('top', '/')])
def test_links__to_a_folder_around_them_lead_nowhere(four, link, target):
    (four / link).symlink_to(target)
    names, folders, ignored = list_images(four)
    assert names == FOUR and folders == ['x', 'y'] and ignored.others == {LOOP: 1}
    assert paths(build(data_root=str(four))) == [f'{four}/{name}' for name in FOUR]


def test_links__that_lead_to_each_other_end(four):
    (four / 'x' / 'to').symlink_to('../y')
    (four / 'y' / 'to').symlink_to('../x')
    names, _, ignored = list_images(four)
    assert names == sorted([*FOUR, 'x/to/0.png', 'x/to/1.png', 'y/to/0.png', 'y/to/1.png'])
    assert ignored.others == {LOOP: 2}


def test_links__to_other_folders_and_files_are_followed(four, tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / 'blob').write_bytes((four / 'x' / '0.png').read_bytes())
    save(tmp_path / 'elsewhere' / 'z.png')
    (four / 'z').symlink_to(tmp_path / 'elsewhere')
    (four / 'x' / '2.png').symlink_to(tmp_path / 'elsewhere' / 'blob')
    (tmp_path / 'alias').symlink_to(four)
    for root in (four, tmp_path / 'alias', f'{four}/'):
        assert list_images(root).names == sorted([*FOUR, 'x/2.png', 'z/z.png'])


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read all folders')
def test_unreadable_folder__is_counted(four):
    (four / 'lost+found').mkdir(mode=0)
    assert list_images(four).names == FOUR and list_images(four).ignored.others == {CLOSED: 1}


# Labels


@pytest.mark.parametrize('names', [['a', 'a-b', 'a.b', 'a b'], ['Z', 'a', 'B', '10', '9']])
@pytest.mark.parametrize('with_label', [True, False])
def test_order__is_that_of_mmpretrain(tmp_path, names, with_label):
    for name in names:
        for file in ('1.png', '10.png', 'in/2.png', 'in.png'):
            save(tmp_path / name / file)
    config = dict(data_root=str(tmp_path), with_label=with_label)
    ours, stock = build(**config), build('CustomDataset', **config)
    assert [ours.get_data_info(row) for row in range(len(ours))] == [
        stock.get_data_info(row) for row in range(len(stock))]
    assert ours.metainfo == stock.metainfo


@pytest.fixture
def logged(tmp_path):
    """The lines of a run's log."""
    MMLogger.get_instance(tmp_path.name, log_file=str(tmp_path / 'log'))
    return lambda: (tmp_path / 'log').read_text().splitlines()


def test_class_folder_without_images__is_said(four, logged):
    (four / 'w').mkdir()
    (four / 'w' / 'note.txt').touch()
    dataset = build(data_root=str(four))
    (line, ) = logged()
    assert line.endswith(f'1 of the 3 class folders in {four}/ have no images: w.')
    assert 'WARNING' in line
    assert dataset.metainfo['classes'] == ('w', 'x', 'y')
    assert [dataset.get_data_info(row)['gt_label'] for row in range(4)] == [1, 1, 2, 2]


def test_what_is_ignored_beside_labelled_images__is_said(folder, logged):
    build('LabelledImages', data_root=str(folder))
    assert logged()[-1].endswith(
        f'Ignored under {folder}/: files of other endings: 2 (.txt 2), dangling links: 2, '
        'hidden: 6.')


def test_number_of_named_classes__must_fit_the_folders(four):
    with pytest.raises(LabelError, match='2 folders under .*, and 3 classes are named'):
        build('LabelledImages', data_root=str(four), metainfo=dict(classes=('p', 'q', 'r')))


@pytest.mark.parametrize('ann_file', ['list.txt', ''])
def test_one_label_for_all__is_said_and_refused_in_training(four, tmp_path, logged, ann_file):
    (tmp_path / 'list.txt').write_text(''.join(f'{name} 3\n' for name in FOUR))
    config = dict(data_root=str(four), ann_file=str(tmp_path / ann_file) if ann_file else '')
    if not ann_file:
        config['data_root'] = str(four.parent)  # one folder too high: its one class is `data`
    label, place = (3, tmp_path / 'list.txt') if ann_file else (0, f'{four.parent}/')
    assert len(build('LabelledImages', **config, test_mode=True)) == 4
    (line, ) = logged()
    assert line.endswith(f'All 4 images of {place} have one label, {label}.')
    with pytest.raises(LabelError, match=f'all 4 images have one label, {label}'):
        build('LabelledImages', **config)


def test_shards__of_macos_shadow_files_are_none(four, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    list(packing.write_shards(FolderSource(four), out, 10**6))
    (out / '._000000.tar').write_bytes(b'\0\5\26\7')
    assert write_index(out, scan_shards(out)) == 4
