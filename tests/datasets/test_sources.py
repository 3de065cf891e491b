"""What has to be packed, zips and parquet files, is told with the command, and packed as it is."""

import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mimco_mm.datasets import address_of
from mimco_mm.datasets.storage import packing
from mimco_mm.errors import DataError
from tests.datasets import layouts
from tests.datasets.layouts import CLASSES, train_images, val_images
from tests.datasets.read_back import classes_of, contents, labelled, trained_on
from tests.tools.modules import call, ctrl_c, refusal

PACK = 'convert/pack_images.py'
FOLDERS = ('tench, Tinca tinca', 'goldfish', 'white shark_.x')  # of the classes in parquet files


@pytest.mark.parametrize('scheme', ['tar', 'lmdb'])
def test_zip__is_packed_without_unpacking_it(tmp_path, scheme):
    layouts.write_kaggle(tmp_path / 'kaggle')
    file = Path(shutil.make_archive(str(tmp_path / 'imagenet'), 'zip', tmp_path / 'kaggle'))
    with pytest.raises(DataError, match=f'pack_images.py {file} {tmp_path}/imagenet-packed\n'):
        address_of(str(file))
    out = tmp_path / 'out'
    assert f'{out}: 14 images' in call(PACK, file, out, '--format', scheme)
    shutil.copy(tmp_path / 'kaggle' / 'LOC_val_solution.csv', out)
    assert trained_on(out) == f'{scheme}://{out}/train'
    assert contents(trained_on(out)) == train_images()
    assert classes_of(labelled(f'{scheme}://{out}', 'val')) == {
        name: of for name, (of, _) in val_images().items()}


def test_zip__that_is_damaged_or_leads_out(tmp_path):
    file = tmp_path / 'a.zip'
    with zipfile.ZipFile(file, 'w') as archive:
        for name in ('../up.jpg', '/top.jpg', 'in/a.jpg', 'in/b/c.jpg'):
            archive.writestr(name, b'content of ' + name.encode())
    said = call(PACK, file, tmp_path / 'out')
    assert 'ignored: names that lead out of the folder: 2' in said
    assert contents(f'tar://{tmp_path}/out') == {'a.jpg': b'content of in/a.jpg',
                                                 'b/c.jpg': b'content of in/b/c.jpg'}
    file.write_bytes(file.read_bytes().replace(b'content of in/a', b'content of in/A'))
    assert 'in/a.jpg in' in refusal(PACK, file, tmp_path / 'other')
    os.truncate(file, 100)
    assert 'a.zip is no zip, or cut or damaged' in refusal(PACK, file, tmp_path / 'third')


@pytest.mark.filterwarnings('ignore:Duplicate name')
@pytest.mark.parametrize('scheme', ['tar', 'lmdb'])
def test_zip__with_a_name_twice_has_what_unpacking_would_leave(tmp_path, scheme):
    file = tmp_path / 'a.zip'
    with zipfile.ZipFile(file, 'w') as archive:
        for content in (b'old', b'new'):
            archive.writestr('in/a.jpg', content)
        archive.writestr('in/b.jpg', b'other')
    said = call(PACK, file, tmp_path / 'out', '--format', scheme)
    assert 'ignored: replaced by a later one of the same name: 1' in said
    assert contents(f'{scheme}://{tmp_path}/out') == {'a.jpg': b'new', 'b.jpg': b'other'}


@pytest.mark.parametrize('compression', [
    zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=['deflate', 'bzip2', 'lzma'])
def test_zip__a_damaged_stream_names_its_image(tmp_path, compression):
    file = tmp_path / 'a.zip'
    with zipfile.ZipFile(file, 'w', compression) as archive:
        archive.writestr('a.jpg', bytes(range(256)) * 40)
    content = bytearray(file.read_bytes())
    content[50:80] = b'\xff' * 30
    file.write_bytes(content)
    assert 'a.jpg in' in refusal(PACK, file, tmp_path / 'out')


@pytest.mark.parametrize('name, command', [
    ('a.tar.gz', 'gunzip {0}/a.tar.gz && python tools/convert/index_shards.py {0}/a.tar'),
    ('a.tgz', 'gunzip {0}/a.tgz && python tools/convert/index_shards.py {0}/a.tar'),
    ('a.parquet', 'python tools/convert/pack_images.py {0}/a.parquet {0}/a-packed')])
def test_archives__are_told_with_the_command_that_makes_them_readable(tmp_path, name, command):
    (tmp_path / name).write_bytes(b'')
    for source in (tmp_path / name, ) + (tmp_path, ) * (not name.endswith('parquet')):
        with pytest.raises(DataError) as error:
            address_of(str(source))
        assert f'\n    {command.format(tmp_path)}\n' in str(error.value)
        if 'index_shards' in command:
            assert refusal('convert/index_shards.py', source) == f'error: {error.value}'


def test_packing__what_is_read_where_it_lies_says_so(tmp_path):
    root = layouts.write_timm_shards(tmp_path / 'shards')
    assert f'index_shards.py {root}, and then --data tar://{root}' in refusal(
        PACK, root, tmp_path / 'out')


# Parquet


def by_class(part: str) -> dict[str, bytes]:
    """CLASS/NAME -> content, of the parquet files' images."""
    images = val_images() if part == 'val' else {
        name.partition('/')[2]: (name.partition('/')[0], content)
        for name, content in train_images().items()}
    return {f'{FOLDERS[CLASSES.index(of)]}/{name}': content
            for name, (of, content) in images.items()}


@pytest.mark.parametrize('scheme', ['tar', 'lmdb'])
def test_parquet__is_packed_by_its_classes_and_splits(tmp_path, scheme):
    pytest.importorskip('pyarrow')
    root, out = layouts.write_parquet(tmp_path / 'imagenet-1k'), tmp_path / 'out'
    with pytest.raises(DataError, match=f'pack_images.py {root} {root}-packed\n'):
        trained_on(root)
    small = ['--shard-size', '0.003'] if scheme == 'tar' else []
    said = call(PACK, root, out, '--format', scheme, *small)
    assert f'{out}: 14 images' in said and 'ignored: nothing' in said
    assert trained_on(out) == f'{scheme}://{out}/train'
    assert contents(f'{scheme}://{out}/train') == by_class('train')
    assert contents(f'{scheme}://{out}/val') == by_class('val')
    assert list(contents(f'{scheme}://{out}/test')) == ['ILSVRC2012_test_00000001.JPEG']
    images, val = (labelled(f'{scheme}://{out}', part) for part in ('train', 'val'))
    assert images.metainfo['classes'] == val.metainfo['classes'] == tuple(sorted(FOLDERS))
    if scheme == 'tar':
        assert len(list(out.glob('*.tar'))) > 2
        labels = {}
        for shard in out.glob('*.tar'):
            with tarfile.open(shard) as tar:
                labels |= {member.name.split('/')[1]: tar.extractfile(member).read()
                           for member in tar if member.name.endswith('.cls')}
        assert labels == {name: str(row).encode() for row, name in enumerate(FOLDERS)}


def test_parquet__packing_goes_on_where_it_ended(tmp_path, monkeypatch):
    pytest.importorskip('pyarrow')
    root, out = layouts.write_parquet(tmp_path / 'set'), tmp_path / 'out'
    with monkeypatch.context() as patch, pytest.raises(SystemExit, match='130'):
        patch.setattr(packing, 'verify', ctrl_c)
        call(PACK, root, out, '--shard-size', '0.003')
    first, *_, last = sorted((tmp_path / 'out.unfinished').glob('*.tar'))
    before = first.stat().st_mtime_ns
    last.unlink()
    call(PACK, root, out, '--shard-size', '0.003')
    assert contents(f'tar://{out}/train') == by_class('train')
    assert (out / first.name).stat().st_mtime_ns == before


def table(tmp_path, **columns) -> Path:
    import pyarrow as pa
    import pyarrow.parquet
    pa.parquet.write_table(pa.table(columns), tmp_path / 'a.parquet')
    return tmp_path / 'a.parquet'


def test_parquet__names_and_rows_of_strangers(tmp_path):
    pytest.importorskip('pyarrow')
    paths = ['/etc/passwd.jpg', '..\\..\\up.jpg', None, '.hidden', 'a.b.png', 'a.b.png', 'x/..']
    rows = [dict(bytes=bytes([row]), path=path) for row, path in enumerate(paths)]
    rows += [None, dict(bytes=None, path='/etc/passwd')]
    file = table(tmp_path, image=rows, label=[0, 0, 1, None, -5, 2**40, 0, 0, 0])
    said = call(PACK, file, tmp_path / 'out')
    assert 'ignored: classes of rows that are no number from 0 up of a class: 2, ' in said
    assert 'rows without an image in them: 2' in said
    assert contents(f'tar://{tmp_path}/out') == {
        '0/passwd.jpg': b'\0', '0/up.jpg': b'\1', '1/00000002.jpg': b'\2', 'hidden.jpg': b'\3',
        'a_b.png': b'\4', 'a_b_00000005.png': b'\5', '0/00000006.jpg': b'\6'}


def test_parquet__classes_that_cannot_be_used_are_told(tmp_path):
    pytest.importorskip('pyarrow')
    file = table(tmp_path, image=[dict(bytes=b'1', path='1.png')], label=['cat'])
    said = call(PACK, file, tmp_path / 'out')
    assert 'ignored: columns named label that are no whole numbers, so that there are no cl' in said


def test_parquet__columns_are_chosen(tmp_path):
    pytest.importorskip('pyarrow')
    images = [dict(bytes=b'1', path='1.png'), dict(bytes=b'2', path='2.png')]
    file = table(tmp_path, left=images, right=images[::-1], label=[0, 1], coarse=[5, 6])
    assert 'there are 2 (left, right). Name it with --image-column COLUMN' in refusal(
        PACK, file, tmp_path / 'out')
    assert 'no column wrong of images ({bytes, path}, or bytes alone); its columns are left, ' in (
        refusal(PACK, file, tmp_path / 'out', '--image-column', 'wrong'))
    assert 'no column wrong of classes' in refusal(
        PACK, file, tmp_path / 'out', '--image-column', 'left', '--label-column', 'wrong')
    call(PACK, file, tmp_path / 'out', '--image-column', 'right', '--label-column', 'coarse')
    assert contents(f'tar://{tmp_path}/out') == {'5/2.png': b'2', '6/1.png': b'1'}


@pytest.mark.parametrize('change', [lambda file: file.write_bytes(b'PAR1' * 20),
                                    lambda file: os.truncate(file, file.stat().st_size // 2)])
def test_parquet__that_is_damaged_is_named(tmp_path, change):
    pytest.importorskip('pyarrow')
    file = layouts.write_parquet(tmp_path) / 'data' / 'train-00001-of-00002.parquet'
    change(file)
    assert f'{file} is no parquet file' in refusal(PACK, tmp_path / 'data', tmp_path / 'out')


def test_parquet__without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    (tmp_path / 'a.parquet').write_bytes(b'PAR1')
    assert 'Parquet files need the package pyarrow: pip install pyarrow' in refusal(
        PACK, tmp_path / 'a.parquet', tmp_path / 'out')


def test_columns__are_for_parquet_alone(tmp_path):
    layouts.write_folder(tmp_path / 'images', {'a.jpg': b'1'})
    assert '--image-column and --label-column are for parquet files' in refusal(
        PACK, tmp_path / 'images', tmp_path / 'out', '--image-column', 'image')
