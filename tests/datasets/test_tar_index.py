"""The index of tar shards: what it takes in, what it leaves out, and what it refuses."""

import json
import os
import shutil
import tarfile

import pytest
from mmengine import fileio

from mimco_mm.datasets import address_of
from mimco_mm.datasets.ignored import HIDDEN, LINK, SPECIAL, Ignored
from mimco_mm.datasets.storage import ShardError, TarBackend
from mimco_mm.datasets.storage.tar_index import write_index
from mimco_mm.datasets.storage.tar_scan import TO_FOLDER, find_shards, scan_shards

from ..tars import write_tar
from .packs import index, pack, scanned, write_folder


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp('stripes'))


def test_index__names_may_start_with_a_dot_and_other_members_are_left_out(tmp_path):
    write_tar(tmp_path / 'a.tar', {'./x/a.JPEG': b'1', './x/a.json': b'{}', 'README': b'-'})
    assert scanned(tmp_path) == [('x/a.JPEG', 512, 1)]


def test_index__endings_in_capitals_are_tars_too(tmp_path):
    write_tar(tmp_path / 'n01.TAR', {'a.jpg': b'1'})
    outer = tmp_path / 'shards' / 'B.TAR'
    outer.parent.mkdir()
    write_tar(outer, {'n01.Tar': (tmp_path / 'n01.TAR').read_bytes(), 'n02/b.jpg': b'2'})
    assert [name for name, *_ in scanned(outer.parent)] == ['n02/b.jpg', 'n01/a.jpg']
    assert address_of(str(outer)) == f'tar://{outer}'
    assert address_of(str(outer.parent)) == f'tar://{outer.parent}'


@pytest.mark.parametrize('kind, links', [
    (tarfile.SYMTYPE, {'y/b.jpg': '../x/a.jpg', 'x/c.jpg': 'a.jpg', 'd.jpg': './x/../x/c.jpg',
                       'y/e.png': '../blobs/1'}),
    (tarfile.LNKTYPE, {'y/b.jpg': 'x/a.jpg', 'x/c.jpg': './x/a.jpg', 'd.jpg': 'x/c.jpg',
                       'y/e.png': 'blobs/1'})], ids=['symbolic', 'hard'])
def test_index__links_are_what_they_name(tmp_path, kind, links):
    write_tar(tmp_path / 'a.tar', {'x/a.jpg': b'1', 'blobs/1': b'22', **links}, kind)
    ignored = Ignored()
    assert write_index(tmp_path, scan_shards(tmp_path, ignored))
    content = {'x/a.jpg': b'1', **dict.fromkeys(links, b'1'), 'y/e.png': b'22'}
    for name in content:
        assert fileio.get(f'tar://{tmp_path}/{name}') == content[name]
    assert sorted(TarBackend().list_dir_or_file(
        f'tar://{tmp_path}', list_dir=False, recursive=True)) == sorted(content)
    assert str(ignored) == 'files of other endings: 1 (none 1)'


def test_index__a_link_may_stand_before_its_target_and_be_a_class(tmp_path):
    write_tar(tmp_path / 'a.tar', {'0.jpg': '1.jpg', '0.cls': '1.cls', '1.jpg': b'12',
                                   '1.cls': b'7'})
    first, second = scanned(tmp_path)
    assert first[0] == '7/0.jpg' and second[0] == '7/1.jpg' and first[1:] == second[1:]


def test_index__what_is_left_out_is_counted(tmp_path):
    write_tar(tmp_path / 'a.tar', {
        'x/a.jpg': b'1', 'x/._a.jpg': b'-', 'x/a.json': b'{}', '.ipynb_checkpoints/a.jpg': b'1',
        'gone.jpg': 'nowhere.jpg', 'circle.jpg': 'ring.jpg', 'ring.jpg': 'circle.jpg',
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


def test_missing_index__says_how_to_make_it(tmp_path):
    write_tar(tmp_path / 'a.tar', {'a.jpg': b'1'})
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
    shard = write_tar(tmp_path / 'a.tar', {'a.jpg': b'1' * 600, 'b.jpg': b'2'})
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
        write_tar(tmp_path / name, {'0.jpg': b'1'})
    with pytest.raises(ShardError, match=r'0.jpg is in a.tar and again in b.tar'):
        index(tmp_path)


def test_index__shards_without_images_are_an_error(tmp_path):
    write_tar(tmp_path / 'a.tar', {'0.txt': b'1'})
    with pytest.raises(ShardError, match=r'no image .*\(a.tar\)'):
        index(tmp_path)
