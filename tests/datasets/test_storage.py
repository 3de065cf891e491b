"""Tar shards and LMDB are the folder that they were made from; what is missing or cut is named."""

import os
import sys
from pathlib import Path

import pytest
import torch
from mmengine import fileio
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS
from torch.utils.data import DataLoader

from mimco_mm.datasets import ResilientDataset
from mimco_mm.datasets.storage import (
    LmdbFolderBackend,
    TarBackend,
    tar_backend,
)
from mimco_mm.datasets.storage.tar_scan import find_shards
from mimco_mm.evaluation import labelled_folder
from mimco_mm.options.data import training_part

from ..tars import write_tar
from .packs import index, pack, write_folder

SCHEMES = ['tar', 'lmdb']
PIPELINE = [dict(type='LoadRGBImage'), dict(type='RandomResizedCrop', scale=16),
            dict(type='PackInputs', meta_keys=('img_path', ))]


def dataset(root: str, **options):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return DATASETS.build(dict(type='CustomDataset', data_root=str(root), pipeline=PIPELINE,
                                   **options))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp('stripes'))


@pytest.fixture(params=SCHEMES)
def packed(request, folder, tmp_path):
    return pack(folder, tmp_path / 'pack' / 'train', request.param)


# What is read


def test_get__gives_every_file_byte_for_byte(folder, packed):
    for path in folder.rglob('*.png'):
        assert fileio.get(f'{packed}/{path.relative_to(folder)}') == path.read_bytes()


def test_tar__really_has_several_shards(folder, tmp_path):
    pack(folder, tmp_path / 'pack', 'tar')
    assert len(find_shards(tmp_path / 'pack')) > 2


@pytest.mark.parametrize('options', [
    dict(), dict(recursive=True), dict(list_dir=False), dict(list_file=False),
    dict(list_dir=False, recursive=True, suffix='3.png'), dict(list_file=False, recursive=True)])
@pytest.mark.parametrize('under', ['', '/lying', '/missing'])
def test_listing__is_that_of_mmengines_local_files(folder, packed, under, options):
    backend = fileio.get_file_backend(packed)
    local = fileio.get_file_backend(str(folder))
    expected = [] if under == '/missing' else local.list_dir_or_file(f'{folder}{under}', **options)
    assert sorted(backend.list_dir_or_file(f'{packed}{under}', **options)) == sorted(expected)


@pytest.mark.parametrize('prefix', ['train', ''])
def test_custom_dataset__has_the_images_labels_and_classes_of_the_folder(folder, packed, prefix):
    root = packed.removesuffix('/train') if prefix else f'{packed}/'
    local, other = dataset(folder), dataset(root, data_prefix=prefix)
    assert len(other) == len(local) == 12 and other.metainfo == local.metainfo
    for row in range(12):
        ours, theirs = other.get_data_info(row), local.get_data_info(row)
        assert ours['gt_label'] == theirs['gt_label']
        assert ours['img_path'] == theirs['img_path'].replace(str(folder), packed)


@pytest.mark.parametrize('scheme', SCHEMES)
def test_knn__finds_its_classes_in_a_pack(folder, tmp_path, scheme):
    root = pack(folder, tmp_path / 'train', scheme).removesuffix('/train')
    found = []
    for data_root in (str(folder.parent), root):
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            loader = labelled_folder(data_root, 'train', 32, num_workers=0)
            (batch, ) = loader
        found.append((batch['inputs'], [int(one.gt_label) for one in batch['data_samples']]))
    assert torch.equal(found[0][0], found[1][0]) and found[0][1] == found[1][1] == [0] * 6 + [1] * 6


def read_size(info: dict) -> int:
    return len(fileio.get(info['img_path']))


@pytest.mark.parametrize('context, workers', [('fork', 2), ('spawn', 1)])
def test_workers__read_what_the_main_process_has_opened(packed, context, workers):
    images = dataset(packed)
    images.pipeline = read_size
    expected = [images[row] for row in range(12)]  # all is open now, when the workers begin
    loader = DataLoader(images, batch_size=None, num_workers=workers,
                        multiprocessing_context=context)
    assert list(loader) == expected and [images[row] for row in range(12)] == expected


def test_resilient_dataset__gives_the_samples_of_the_folder(folder, packed):
    samples = []
    for root in (folder, packed):
        images = ResilientDataset(dataset(root), seed=3)
        images.set_epoch(1)
        samples.append([images[row] for row in range(12)])
    assert all(torch.equal(one['inputs'], other['inputs']) for one, other in zip(*samples))


def test_tar__open_files_are_limited(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(tar_backend, 'MAX_OPEN', 2)
    pack(folder, tmp_path / 'pack', 'tar', shard_bytes=1)
    shards = tar_backend.TarPack(tmp_path / 'pack')
    before = len(os.listdir('/proc/self/fd'))
    for name in shards.names(''):
        assert shards.read(name) == (folder / name).read_bytes()
    assert len(shards.shards) == 12 and len(os.listdir('/proc/self/fd')) == before + 2


def test_lmdb__is_what_mmengines_own_backend_reads(folder, tmp_path):
    pack(folder, tmp_path / 'pack', 'lmdb')
    content = fileio.get('lying/01.png', dict(backend='lmdb', db_path=str(tmp_path / 'pack')))
    assert content == (folder / 'lying' / '01.png').read_bytes()


def test_address__may_be_relative_and_a_stray_tar_above_is_no_pack(folder, tmp_path, monkeypatch):
    write_tar(tmp_path / 'downloaded.tar', {'a.jpg': b'1'})
    pack(folder, tmp_path / 'data' / 'train', 'tar')
    (tmp_path / 'data' / 'val').mkdir()
    monkeypatch.chdir(tmp_path)
    backend = TarBackend()
    for root in ('data/train', './data//train/', 'data/val/../train'):
        assert len(list(backend.list_dir_or_file(f'tar://{root}', recursive=True))) == 14
        assert backend.get(f'tar://{root}/lying/01.png') == (
            folder / 'lying' / '01.png').read_bytes()
    assert len(backend.packs) == 1
    with pytest.raises(FileNotFoundError, match=rf'in the folder {tmp_path}/data/val, and there'):
        backend.get('tar://data/val')


# WebDataset


def test_webdataset__reads_our_shards(folder, tmp_path):
    webdataset = pytest.importorskip('webdataset')
    pack(folder, tmp_path / 'pack', 'tar')
    shards = [str(path) for path in find_shards(tmp_path / 'pack')]
    found = {sample['__key__']: sample for sample in webdataset.WebDataset(shards,
                                                                         shardshuffle=False)}
    assert len(found) == 12
    for path in folder.rglob('*.png'):
        sample = found[path.relative_to(folder).with_suffix('').as_posix()]
        assert sample['png'] == path.read_bytes()
        assert sample['cls'] == {'lying': b'0', 'standing': b'1'}[path.parent.name]


def test_tar__reads_what_webdataset_has_written(folder, tmp_path):
    webdataset = pytest.importorskip('webdataset')
    paths = sorted(folder.rglob('*.png'))
    with webdataset.ShardWriter(f'{tmp_path}/%03d.tar', maxcount=5, verbose=0) as writer:
        for row, path in enumerate(paths):
            writer.write({'__key__': f'{row:06d}', 'png': path.read_bytes(), 'cls': row % 2,
                          'json': dict(width=32)})
    assert index(tmp_path) == 12
    images = dataset(f'tar://{tmp_path}')
    assert images.metainfo['classes'] == ('0', '1')
    for row in range(12):
        info = images.get_data_info(row)
        number = int(Path(info['img_path']).stem)
        assert info['gt_label'] == number % 2
        assert fileio.get(info['img_path']) == paths[number].read_bytes()


# What goes wrong


@pytest.mark.parametrize('scheme, expected', [('tar', 'tar shards'), ('lmdb', 'an LMDB database')])
def test_missing_pack__is_named_with_the_config_key(tmp_path, scheme, expected):
    with pytest.raises(RuntimeError, match=rf'expects {expected}.*{tmp_path}/train.*pack_images.py'
                       r'.*`train_dataloader.dataset.dataset.data_root`'):
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            ResilientDataset(dict(type='CustomDataset', data_root=f'{scheme}://{tmp_path}',
                                  data_prefix='train', with_label=False))


def test_missing_image_in_a_pack__is_replaced_and_named(packed, tmp_path):
    (tmp_path / 'list.txt').write_text('lying/gone.png\nlying/01.png\n')
    images = ResilientDataset(dataset(packed, with_label=False, data_prefix='',
                                      ann_file=str(tmp_path / 'list.txt')))
    sample = images[0]['data_samples']
    assert sample.img_path == f'{packed}/lying/01.png'
    ((path, reason), ) = sample.broken_images.items()
    assert path == f'{packed}/lying/gone.png'
    assert reason.startswith('FileNotFoundError: no lying/gone.png in')


def test_shard_cut_while_training__makes_broken_images(folder, tmp_path):
    pack(folder, tmp_path, 'tar')
    images = ResilientDataset(dataset(f'tar://{tmp_path}', with_label=False))
    os.truncate(find_shards(tmp_path)[0], 600)
    reasons = list(images[0]['data_samples'].broken_images.values())
    assert '000000.tar ends within lying/01.png: 88 of' in reasons[0]


def test_lmdb__may_be_read_by_two_paths(folder, tmp_path):
    pack(folder, tmp_path / 'packed', 'lmdb')
    (tmp_path / 'link').symlink_to(tmp_path / 'packed')
    read = [sorted(fileio.list_dir_or_file(f'lmdb://{tmp_path}/{name}', recursive=True))
            for name in ('packed', 'link')]
    assert read[0] == read[1] and read[0]
    path = read[0][-1]
    assert fileio.get(f'lmdb://{tmp_path}/link/{path}') == (folder / path).read_bytes()


def test_lmdb__without_the_package_says_what_to_install(folder, tmp_path, monkeypatch):
    pack(folder, tmp_path, 'lmdb')
    monkeypatch.setitem(sys.modules, 'lmdb', None)
    with pytest.raises(RuntimeError, match='pip install lmdb'):
        LmdbFolderBackend().get(f'lmdb://{tmp_path}/x')
    with pytest.raises(RuntimeError, match='pip install lmdb'):  # not: there is none
        training_part(f'lmdb://{tmp_path}')
