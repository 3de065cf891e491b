"""tools/convert/pack_images.py and index_shards.py: all images, once, or a reason why not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine import fileio
from mmpretrain.datasets import CustomDataset

from mimco_mm.datasets.storage import packing
from mimco_mm.datasets.storage.lmdb_backend import LmdbPack
from mimco_mm.datasets.storage.tar_backend import TarPack
from mimco_mm.datasets.storage.tar_scan import find_shards
from mimco_mm.names import sized
from tests import tiny
from tests.tools.modules import TOOLS, call, ctrl_c, refusal

SCHEMES = ['tar', 'lmdb']
PACK, INDEX = 'convert/pack_images.py', 'convert/index_shards.py'


def pack(*options: object) -> str:
    return call(PACK, *options).splitlines()[-1]


@pytest.fixture
def data(tmp_path):
    """train/NN.png, nine images."""
    return tiny.write_images(tmp_path / 'data', 9)


@pytest.mark.parametrize('options, message', [
    (['nan'], 'expects a number of 10^6 bytes above 0, got nan'), (['inf'], 'above 0, got inf'),
    (['0'], 'above 0, got 0.0'), (['5', '--format', 'lmdb'], 'a database has no shards'),
])
def test_pack__shard_sizes_that_are_none_are_refused(tmp_path, options, message):
    assert message in refusal(PACK, tmp_path, tmp_path / 'out', '--shard-size', *options)


@pytest.mark.parametrize('scheme', SCHEMES)
def test_pack__packs_all_and_counts_them(data, tmp_path, scheme):
    out = tmp_path / 'packed' / 'train'
    total = sum(path.stat().st_size for path in (data / 'train').iterdir())
    assert pack(data / 'train', out, '--format', scheme).startswith(
        f'{out}: 9 images, {sized(total)}, all of ')
    for path in (data / 'train').iterdir():
        assert fileio.get(f'{scheme}://{out}/{path.name}') == path.read_bytes()
    assert [path.name for path in out.parent.iterdir()] == ['train']


# not in the order of text: as text, the byte FF comes before U+E000, as UTF-8 after it
ODD = [b'caf\xe9/a\xff.png', '\ue000/猫 🐈.png'.encode(), b'two\nlines.png', b'\xff.png']


@pytest.mark.parametrize('scheme', SCHEMES)
def test_pack__takes_names_of_any_bytes(data, tmp_path, scheme):
    folder = os.fsencode(data / 'caf\udce9')
    for number, name in enumerate(ODD):
        path = Path(os.fsdecode(folder + b'/' + name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((data / 'train' / f'{number:02d}.png').read_bytes())
    out = tmp_path / 'packed' / 'train'
    said = start('pack_images.py', os.fsdecode(folder), out, '--format', scheme)
    assert re.search(rf'{out}: 4 images, [\d.]+ kB, all of {data}/caf\\xe9', said)
    if scheme == 'tar':
        (out / 'index.npy').unlink()
        assert f'{out}: 4 images in 1 shard' in start('index_shards.py', out)
    names, packed = (
        [os.fsencode(images.get_data_info(row)['img_path'].partition(f'{root}/')[2])
         for images in [CustomDataset(data_root=root, with_label=False, pipeline=[])]
         for row in range(len(images))] for root in (os.fsdecode(folder), f'{scheme}://{out}'))
    assert packed == names and sorted(names) == sorted(ODD)
    for name in ODD:
        assert fileio.get(f'{scheme}://{out}/{os.fsdecode(name)}') == Path(
            os.fsdecode(folder + b'/' + name)).read_bytes()


def start(tool: str, *arguments) -> str:
    """What a command of tools/convert says."""
    result = subprocess.run([sys.executable, TOOLS / 'convert' / tool, *arguments], text=True,
                            timeout=300, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_pack__shards_have_the_size_that_was_asked_for(data, tmp_path):
    sizes = [path.stat().st_size for path in sorted((data / 'train').iterdir())]
    pack(data / 'train', tmp_path / 'out', '--shard-size', 2.5 * max(sizes) / 1e6)
    assert len(find_shards(tmp_path / 'out')) == len(
        list(packing.plan_shards(sizes, int(2.5 * max(sizes))))) >= 4


@pytest.mark.parametrize('sizes, limit, expected', [
    ([3, 3, 3], 6, [2, 1]), ([3, 3, 3], 9, [3]), ([9, 1, 9], 5, [1, 1, 1]), ([1], 5, [1])])
def test_plan_shards(sizes, limit, expected):
    rows = list(packing.plan_shards(sizes, limit))
    assert [len(part) for part in rows] == expected
    assert [row for part in rows for row in part] == list(range(len(sizes)))


@pytest.mark.parametrize('scheme', SCHEMES)
def test_pack__goes_on_after_an_interruption(data, tmp_path, monkeypatch, scheme):
    options = [data / 'train', tmp_path / 'out', '--format', scheme,
               *(['--shard-size', '0.02'] if scheme == 'tar' else [])]
    monkeypatch.setattr(packing, 'COMMIT', 2)
    read, last = Path.read_bytes, data / 'train' / '07.png'

    def interrupted(path: Path) -> bytes:
        if path == last:
            raise KeyboardInterrupt
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'read_bytes', interrupted)
        with pytest.raises(SystemExit, match='130'):
            pack(*options)
    assert not (tmp_path / 'out').exists()
    again = []
    monkeypatch.setattr(Path, 'read_bytes', lambda path: again.append(path.name) or read(path))
    assert '9 images' in pack(*options)
    assert '00.png' not in again and '07.png' in again


@pytest.mark.parametrize('more, message', [
    (['--shard-size', '0.05'], 'shard_size was 0.02, now is 0.05. Give the same again to go on'),
    (['--format', 'lmdb'], "format was 'tar', now is 'lmdb'; shard_size was 0.02, now is 1000"),
    (['--shard-size', '0.02'], 'images was 9, now is 8; sha256 .*remove the folder')])
def test_pack__an_interrupted_one_goes_on_only_as_it_was_begun(data, tmp_path, monkeypatch, more,
                                                               message):
    with monkeypatch.context() as patch, pytest.raises(SystemExit, match='130'):
        patch.setattr(packing, 'verify', ctrl_c)
        pack(data / 'train', tmp_path / 'out', '--shard-size', '0.02')
    if 'images was' in message:
        (data / 'train' / '03.png').unlink()
    before = {path: path.read_bytes() for path in (tmp_path / 'out.unfinished').iterdir()}
    assert re.search(message, refusal(PACK, data / 'train', tmp_path / 'out', *more))
    assert before == {path: path.read_bytes() for path in (tmp_path / 'out.unfinished').iterdir()}


def test_pack__an_unfinished_one_that_nothing_is_told_of_is_refused(data, tmp_path):
    pack(data / 'train', tmp_path / 'out')
    (tmp_path / 'out').rename(tmp_path / 'new.unfinished')
    said = refusal(PACK, data / 'train', tmp_path / 'new')
    assert 'holds files, and no begun.json that says what they are of' in said
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('scheme, kind', [('tar', TarPack), ('lmdb', LmdbPack)])
def test_verify__tells_the_first_name_that_differs(data, tmp_path, scheme, kind):
    pack(data / 'train', tmp_path / 'out', '--format', scheme)
    names = [path.name for path in (data / 'train').iterdir()]
    packing.verify(kind(tmp_path / 'out'), names, tmp_path / 'out')
    names[names.index('03.png')] = 'new.png'
    with pytest.raises(packing.PackingError, match='9 images.*differs in 03.png. Remove it'):
        packing.verify(kind(tmp_path / 'out'), names, tmp_path / 'out')


def test_pack__overwrites_nothing(data, tmp_path):
    (tmp_path / 'out').mkdir()
    assert 'is there already' in refusal(PACK, data / 'train', tmp_path / 'out')


def test_pack__no_images(tmp_path):
    assert 'no images' in refusal(PACK, tmp_path / 'nothing', tmp_path / 'out')
    assert not (tmp_path / 'out.unfinished').exists()


@pytest.mark.parametrize('name, reason', [('a.b.png', 'more than one dot.*a.b.png'),
                                          ('03.jpg', '2 images are called 03 but for')])
def test_pack__names_that_would_share_a_sample_are_refused(data, tmp_path, name, reason):
    (data / 'train' / name).write_bytes(b'-')
    said = refusal(PACK, data / 'train', tmp_path / 'out')
    assert re.search(f'{reason}.*--format lmdb', said)
    assert '10 images' in pack(data / 'train', tmp_path / 'other', '--format', 'lmdb')


def test_pack__full_disk_is_found_first(data, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage._replace(free=1000))
    assert '1 kB left, and 9 images take' in refusal(PACK, data / 'train', tmp_path / 'out')


def test_index_shards__indexes_shards_of_others(data, tmp_path):
    pack(data / 'train', tmp_path / 'out')
    for name in ('index.json', 'index.npy'):
        (tmp_path / 'out' / name).unlink()
    assert '9 images in 1 shard' in call(INDEX, tmp_path / 'out')
    first = (data / 'train' / '00.png').read_bytes()
    assert fileio.get(f'tar://{tmp_path}/out/00.png') == first

    assert 'there is no *.tar' in refusal(INDEX, data)
