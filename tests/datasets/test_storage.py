"""Tar shards and LMDB are the folder that they were made from; what is missing or cut is named."""

import io
import json
import os
import shutil
import sys
import tarfile
from pathlib import Path

import pytest
import torch
from mmengine import fileio
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS
from torch.utils.data import DataLoader

from mimco_mm.datasets import ResilientDataset
from mimco_mm.datasets.listing import HIDDEN, LINK, SPECIAL, Ignored
from mimco_mm.datasets.storage import (
    LmdbFolderBackend,
    ShardError,
    TarBackend,
    packing,
    tar_backend,
)
from mimco_mm.datasets.storage.sources import FolderSource
from mimco_mm.datasets.storage.tar_index import write_index
from mimco_mm.datasets.storage.tar_scan import TO_FOLDER, find_shards, scan_shards
from mimco_mm.evaluation import labelled_folder
from tests import tiny

SCHEMES = ['tar', 'lmdb']
PIPELINE = [dict(type='LoadRGBImage'), dict(type='RandomResizedCrop', scale=16),
            dict(type='PackInputs', meta_keys=('img_path', ))]


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


def write_tar(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, 'w') as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def dataset(root: str, **options):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return DATASETS.build(dict(type='CustomDataset', data_root=str(root), pipeline=PIPELINE,
                                   **options))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """train/{lying,standing}/NN.png, twelve images."""
    root = tiny.write_stripes(tmp_path_factory.mktemp('stripes'), train=6, test=1)
    (root / 'train' / 'lying' / '00.png').rename(root / 'train' / 'lying' / 'größe.png')
    return root / 'train'


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
    write_tar(tmp_path / 'downloaded.tar', **{'a.jpg': b'1'})
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


def test_index__names_may_start_with_a_dot_and_other_members_are_left_out(tmp_path):
    write_tar(tmp_path / 'a.tar', **{'./x/a.JPEG': b'1', './x/a.json': b'{}', 'README': b'-'})
    assert scanned(tmp_path) == [('x/a.JPEG', 512, 1)]


def write_links(path: Path, files: dict, links: dict, kind: bytes = tarfile.SYMTYPE) -> Path:
    """A tar of files, name -> content, and after them of links, name -> target."""
    write_tar(path, **files)
    with tarfile.open(path, 'a') as tar:
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            tar.addfile(info)
    return path


@pytest.mark.parametrize('kind, links', [
    (tarfile.SYMTYPE, {'y/b.jpg': '../x/a.jpg', 'x/c.jpg': 'a.jpg', 'd.jpg': './x/../x/c.jpg',
                       'y/e.png': '../blobs/1'}),
    (tarfile.LNKTYPE, {'y/b.jpg': 'x/a.jpg', 'x/c.jpg': './x/a.jpg', 'd.jpg': 'x/c.jpg',
                       'y/e.png': 'blobs/1'})], ids=['symbolic', 'hard'])
def test_index__links_are_what_they_name(tmp_path, kind, links):
    write_links(tmp_path / 'a.tar', {'x/a.jpg': b'1', 'blobs/1': b'22'}, links, kind)
    ignored = Ignored()
    assert write_index(tmp_path, scan_shards(tmp_path, ignored))
    content = {'x/a.jpg': b'1', **dict.fromkeys(links, b'1'), 'y/e.png': b'22'}
    for name in content:
        assert fileio.get(f'tar://{tmp_path}/{name}') == content[name]
    assert sorted(TarBackend().list_dir_or_file(
        f'tar://{tmp_path}', list_dir=False, recursive=True)) == sorted(content)
    assert str(ignored) == 'files of other endings: 1 (none 1)'


def test_index__a_link_may_stand_before_its_target_and_be_a_class(tmp_path):
    write_links(tmp_path / 'a.tar', {}, {'0.jpg': '1.jpg', '0.cls': '1.cls'})
    with tarfile.open(tmp_path / 'a.tar', 'a') as tar:
        for name, content in (('1.jpg', b'12'), ('1.cls', b'7')):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    first, second = scanned(tmp_path)
    assert first[0] == '7/0.jpg' and second[0] == '7/1.jpg' and first[1:] == second[1:]


def test_index__what_is_left_out_is_counted(tmp_path):
    write_links(tmp_path / 'a.tar', {'x/a.jpg': b'1', 'x/._a.jpg': b'-', 'x/a.json': b'{}',
                                     '.ipynb_checkpoints/a.jpg': b'1'},
                {'gone.jpg': 'nowhere.jpg', 'circle.jpg': 'ring.jpg', 'ring.jpg': 'circle.jpg',
                 'up.jpg': '../../etc/passwd', 'y': 'x', 'z.jpg': '.ipynb_checkpoints'})
    with tarfile.open(tmp_path / 'a.tar', 'a') as tar:
        for name, kind in (('pipe.jpg', tarfile.FIFOTYPE), ('x', tarfile.DIRTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            tar.addfile(info)
    ignored = Ignored()
    assert [name for name, *_ in scanned(tmp_path, ignored)] == ['x/a.jpg']
    assert ignored.endings == {'.json': 1}
    assert ignored.others == {HIDDEN: 2, LINK: 4, TO_FOLDER: 2, SPECIAL: 1}


@pytest.mark.parametrize('make', [
    os.mkfifo, lambda path: path.symlink_to('gone'), lambda path: path.mkdir()],
    ids=['FIFO', 'dangling link', 'folder'])
def test_scan__what_is_no_file_is_an_error_at_once(tmp_path, make):
    make(tmp_path / 'a.tar')
    with pytest.raises(ShardError, match='a.tar is no file, or a link to nothing'):
        index(tmp_path)


# What goes wrong


@pytest.mark.parametrize('scheme, expected', [('tar', 'tar shards'), ('lmdb', 'an LMDB database')])
def test_missing_pack__is_named_with_the_config_key(tmp_path, scheme, expected):
    with pytest.raises(RuntimeError, match=rf'expects {expected}.*{tmp_path}/train.*pack_images.py'
                       r'.*`train_dataloader.dataset.dataset.data_root`'):
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            ResilientDataset(dict(type='CustomDataset', data_root=f'{scheme}://{tmp_path}',
                                  data_prefix='train', with_label=False))


def test_missing_index__says_how_to_make_it(tmp_path):
    write_tar(tmp_path / 'a.tar', **{'a.jpg': b'1'})
    with pytest.raises(ShardError, match=rf'no index.*index_shards.py {tmp_path}'):
        TarBackend().get(f'tar://{tmp_path}/a.jpg')


@pytest.mark.parametrize('change', [
    lambda shard: shard.unlink(),
    lambda shard: os.truncate(shard, 700),
    lambda shard: shutil.copy(shard, shard.with_name('zzz.tar')),
], ids=['missing', 'cut', 'new'])
def test_changed_shards__are_refused_before_training(folder, tmp_path, change):
    pack(folder, tmp_path, 'tar')
    shard = find_shards(tmp_path)[1]
    change(shard)
    changed = 'zzz.tar' if (tmp_path / 'zzz.tar').exists() else shard.name
    with pytest.raises(ShardError, match=f'1 shards of .*; {changed} has .*index_shards.py'):
        TarBackend().get(f'tar://{tmp_path}/x')


def test_index_of_other_shards__is_refused(folder, tmp_path):
    pack(folder, tmp_path, 'tar')
    content = json.loads((tmp_path / 'index.json').read_text())
    (tmp_path / 'index.json').write_text(json.dumps({**content, 'images': 13}))
    with pytest.raises(ShardError, match=r'index.npy has 12 images, index.json 13.*anew'):
        TarBackend().get(f'tar://{tmp_path}/x')


@pytest.mark.parametrize('keep', [300, 512, 900, 1024])
def test_scan__a_cut_shard_is_an_error(tmp_path, keep):
    shard = write_tar(tmp_path / 'a.tar', **{'a.jpg': b'1' * 600, 'b.jpg': b'2'})
    os.truncate(shard, keep + 512)
    with pytest.raises(ShardError, match='a.tar is no tar, compressed or cut'):
        scanned(tmp_path)


@pytest.mark.parametrize('content', [b'', b'not a tar' * 100, b'\x1f\x8b' + b'0' * 2000])
def test_scan__something_else_is_an_error(tmp_path, content):
    (tmp_path / 'a.tar').write_bytes(content)
    with pytest.raises(ShardError, match='a.tar is no tar, compressed or cut'):
        scanned(tmp_path)


def test_index__one_name_in_two_shards_is_an_error(tmp_path):
    for name in ('a.tar', 'b.tar'):
        write_tar(tmp_path / name, **{'0.jpg': b'1'})
    with pytest.raises(ShardError, match=r'0.jpg is in a.tar and again in b.tar'):
        index(tmp_path)


def test_index__shards_without_images_are_an_error(tmp_path):
    write_tar(tmp_path / 'a.tar', **{'0.txt': b'1'})
    with pytest.raises(ShardError, match=r'no image .*\(a.tar\)'):
        index(tmp_path)


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


def test_lmdb__without_the_package_says_what_to_install(folder, tmp_path, monkeypatch):
    pack(folder, tmp_path, 'lmdb')
    monkeypatch.setitem(sys.modules, 'lmdb', None)
    with pytest.raises(RuntimeError, match='pip install lmdb'):
        LmdbFolderBackend().get(f'lmdb://{tmp_path}/x')
