"""ImageNet as people have it: original tars, timm's shards, Kaggle's folders, parquet, a zip."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest
from mmengine import fileio
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS

from mimco_mm.datasets import LabelError, address_of, list_images, validation_classes
from mimco_mm.errors import DataError
from mimco_mm.options import apply_shortcuts, load_config
from mimco_mm.options.shortcuts import innermost_dataset
from mimco_mm.watch import KNNHook
from tests.datasets import layouts
from tests.datasets.layouts import CLASSES, train_images, val_images
from tests.tools.modules import call, refusal

INDEX, PACK = 'convert/index_shards.py', 'convert/pack_images.py'
FOLDERS = ('tench, Tinca tinca', 'goldfish', 'white shark_.x')  # of the classes in parquet files


def contents(address: str) -> dict[str, bytes]:
    return {name: fileio.get(f'{address}/{name}') for name in list_images(address).names}


def labelled(root: str, part: str):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return DATASETS.build(dict(type='LabelledImages', data_root=root, data_prefix=part,
                                   pipeline=[], test_mode=True))


def classes_of(images) -> dict[str, str]:
    """Name of each image -> its class."""
    found = (images.get_data_info(row) for row in range(len(images)))
    return {Path(each['img_path']).name: images.metainfo['classes'][each['gt_label']]
            for each in found}


def trained_on(source: object) -> str:
    """Which images --data takes, of a pre-training."""
    cfg = load_config('configs/pretrain/mimco_swin-t.py')
    apply_shortcuts(cfg, dict(data=str(source)))
    dataset = innermost_dataset(cfg.train_dataloader)
    return '/'.join(filter(None, (dataset.data_root, dataset.data_prefix)))


# image-net.org's tars


def test_original_tars__are_the_folders_that_they_would_unpack_to(tmp_path):
    root = layouts.write_ilsvrc(tmp_path / 'ILSVRC2012')
    with pytest.raises(OSError, match=f'have no index.*index_shards.py {root}'):
        list_images(address_of(str(root)))
    assert f'{root}: 13 images in 2 shards; ignored: nothing' in call(INDEX, root)
    assert trained_on(root) == trained_on(f'tar://{root}') == f'tar://{root}/train'
    assert contents(trained_on(root)) == train_images()
    images = labelled(f'tar://{root}', 'train')
    assert images.metainfo['classes'] == CLASSES
    val = labelled(f'tar://{root}', 'val')
    assert val.metainfo['classes'] == CLASSES
    assert classes_of(val) == {name: of for name, (of, _) in val_images().items()}
    KNNHook(data_root=f'tar://{root}', k=1)


def test_one_tar__has_an_index_of_its_own(tmp_path):
    root = layouts.write_ilsvrc(tmp_path / 'downloads')
    (root / 'other.tar').write_bytes(b'no tar')
    train = root / 'ILSVRC2012_img_train.tar'
    with pytest.raises(OSError, match=f'The tar {train} has no index.*index_shards.py {train}'):
        list_images(address_of(str(train)))
    call(INDEX, train)
    assert trained_on(train) == f'tar://{train}' and contents(trained_on(train)) == train_images()
    assert {path.name for path in root.glob('*index*')} == {
        'ILSVRC2012_img_train.index.npy', 'ILSVRC2012_img_train.index.json'}
    os.truncate(train, train.stat().st_size - 10240)
    from mimco_mm.datasets import TarBackend
    with pytest.raises(OSError, match='not as they were indexed'):
        TarBackend().get(f'tar://{train}/{CLASSES[0]}/{CLASSES[0]}_0.JPEG')


def test_one_tar__where_nothing_may_be_written_is_linked(tmp_path):
    root = layouts.write_ilsvrc(tmp_path / 'shared')
    train = root / 'ILSVRC2012_img_train.tar'
    own = tmp_path / 'own'
    own.mkdir()
    (own / train.name).symlink_to(train)
    call(INDEX, own)
    assert contents(trained_on(own)) == train_images()


def test_unpacked_train__beside_its_tar_does_not_change_what_is_read(tmp_path):
    root = layouts.write_ilsvrc(tmp_path / 'both')
    call(INDEX, root)
    layouts.write_folder(root / 'train', {f'{CLASSES[0]}/{CLASSES[0]}_0.JPEG': b'other'})
    assert contents(f'tar://{root}/train') == train_images()
    assert trained_on(root) == str(root)  # images in folders are images in folders


@pytest.mark.parametrize('inner, said', [
    (b'\x1f\x8b' + bytes(2000), 'a.tar in it: .*'),
    (layouts.nested_tar({'x.jpg': b'1' * 3000})[:2048], 'a.tar in it: unexpected end of data'),
], ids=['compressed', 'cut'])
def test_inner_tar__that_cannot_be_read_is_named(tmp_path, inner, said):
    (tmp_path / 'all.tar').write_bytes(layouts.nested_tar({'a.tar': inner}))
    assert f'error: {tmp_path}/all.tar is no tar, compressed or cut' in refusal(INDEX, tmp_path)


def test_inner_tars__keep_classes_of_their_own_and_are_read_one_deep(tmp_path):
    inner = layouts.nested_tar({'own/1.jpg': b'1', '2.jpg': b'22', '3.jpg': b'333', '3.cls': b'7',
                                'deep.tar': layouts.nested_tar({'4.jpg': b'4'})})
    (tmp_path / 'all.tar').write_bytes(layouts.nested_tar({'sub/a.tar': inner, 'b.txt': b''}))
    assert 'ignored: files of other endings: 2 (.tar 1, .txt 1)' in call(INDEX, tmp_path)
    assert contents(f'tar://{tmp_path}') == {
        'sub/own/1.jpg': b'1', 'sub/a/2.jpg': b'22', 'sub/7/3.jpg': b'333'}


# timm's shards


def test_timm_shards__training_takes_the_train_ones(tmp_path):
    root = layouts.write_timm_shards(tmp_path / 'imagenet-1k-wds')
    assert len(list(root.glob('*-train-*.tar'))) == 3
    assert ': 13 images in 4 shards' in call(INDEX, root)
    assert trained_on(root) == f'tar://{root}/train'
    wanted = {f'{CLASSES.index(name.partition("/")[0])}/{name.partition("/")[2]}'
              .replace('.JPEG', '.jpg'): content for name, content in train_images().items()}
    assert contents(trained_on(root)) == wanted
    images, val = (labelled(f'tar://{root}', part) for part in ('train', 'val'))
    assert images.metainfo['classes'] == val.metainfo['classes'] == ('0', '1', '2')
    assert classes_of(val) == {name.replace('.JPEG', '.jpg'): str(CLASSES.index(of))
                               for name, (of, _) in val_images().items()}


def test_shards__of_no_part_among_others_are_refused(tmp_path):
    root = layouts.write_timm_shards(tmp_path / 'shards')
    shutil.copy(root / 'imagenet1k-train-0000.tar', root / 'more.tar')
    assert 'but 1 of 5 do not, such as more.tar: rename it, e.g. train-more.tar' in refusal(
        INDEX, root)


def test_shards__of_train_alone_have_no_folder_around_them(tmp_path):
    root = layouts.write_timm_shards(tmp_path / 'shards')
    (root / 'imagenet1k-validation-00.tar').unlink()
    call(INDEX, root)
    assert trained_on(root) == f'tar://{root}' and len(contents(f'tar://{root}')) == 9
    assert {name.partition('/')[0] for name in contents(f'tar://{root}')} == {'0', '1', '2'}


# Kaggle's folders


def test_kaggle__is_found_from_any_folder_around_it(tmp_path):
    images = layouts.write_kaggle(tmp_path / 'kaggle')
    for source in (tmp_path / 'kaggle', tmp_path / 'kaggle' / 'ILSVRC', images):
        assert trained_on(source) == f'{images}/train'
    assert contents(trained_on(tmp_path / 'kaggle')) == train_images()


def test_kaggle__validation_images_have_the_classes_of_the_list(tmp_path):
    images = layouts.write_kaggle(tmp_path / 'kaggle')
    val = labelled(str(images), 'val')
    assert classes_of(val) == {name: of for name, (of, _) in val_images().items()}
    assert val.metainfo['classes'] == labelled(str(images), 'train').metainfo['classes'] == CLASSES
    cfg = load_config('configs/pretrain/mimco_swin-t.py')
    apply_shortcuts(cfg, dict(knn=str(tmp_path / 'kaggle')))
    (hook, ) = (hook for hook in cfg.custom_hooks if hook.type == 'KNNHook')
    assert hook.data_root == str(images)
    KNNHook(data_root=hook.data_root, k=1)
    (images / 'val' / 'new.JPEG').write_bytes(b'')
    assert labelled(str(images), 'val').ignored.others == {
        'images without a class in LOC_val_solution.csv': 1}


@pytest.mark.parametrize('content, reason', [
    ('', 'it is empty'), ('a,b\n1,2\n', "KeyError: 'ImageId'"),
    ('ImageId,PredictionString\nx,../../etc 1 2\n', "'../../etc' is no class")])
def test_kaggle__a_damaged_list_is_named(tmp_path, content, reason):
    images = layouts.write_kaggle(tmp_path)
    (tmp_path / 'LOC_val_solution.csv').write_text(content)
    with pytest.raises(LabelError, match=f'LOC_val_solution.csv is damaged.*{reason}'):
        validation_classes(str(images / 'val'))


def test_development_kit__that_is_damaged_is_named(tmp_path):
    layouts.write_ilsvrc(tmp_path / 'set')
    kit = tmp_path / 'set' / 'ILSVRC2012_devkit_t12.tar.gz'
    os.truncate(kit, 100)
    with pytest.raises(LabelError, match='devkit_t12.tar.gz is damaged'):
        validation_classes(f'tar://{tmp_path}/set/val')
    with tarfile.open(kit, 'w:gz') as tar:
        info = tarfile.TarInfo('x')
        info.size = 2**40
        tar.addfile(info)
    with pytest.raises(LabelError, match='devkit_t12.tar.gz is damaged.*more than 67108864 bytes'):
        validation_classes(f'tar://{tmp_path}/set/val')


# What has to be packed


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
    import zipfile
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
    said = call(PACK, root, out, '--format', scheme, '--shard-size', '0.003')
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


def test_parquet__packing_goes_on_where_it_ended(tmp_path):
    pytest.importorskip('pyarrow')
    root, out = layouts.write_parquet(tmp_path / 'set'), tmp_path / 'out'
    call(PACK, root, out, '--shard-size', '0.003')
    last, before = sorted(out.glob('*.tar'))[-1], sorted(out.glob('*.tar'))[0].stat().st_mtime_ns
    last.unlink()
    out.rename(tmp_path / 'again.unfinished')
    call(PACK, root, tmp_path / 'again', '--shard-size', '0.003')
    assert contents(f'tar://{tmp_path}/again/train') == by_class('train')
    assert sorted((tmp_path / 'again').glob('*.tar'))[0].stat().st_mtime_ns == before


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
    assert 'ignored: rows without an image in them: 2' in said
    assert contents(f'tar://{tmp_path}/out') == {
        '0/passwd.jpg': b'\0', '0/up.jpg': b'\1', '1/00000002.jpg': b'\2', 'hidden.jpg': b'\3',
        'a_b.png': b'\4', 'a_b_00000005.png': b'\5', '0/00000006.jpg': b'\6'}


def test_parquet__columns_are_chosen(tmp_path):
    pytest.importorskip('pyarrow')
    images = [dict(bytes=b'1', path='1.png'), dict(bytes=b'2', path='2.png')]
    file = table(tmp_path, left=images, right=images[::-1], label=[0, 1], coarse=[5, 6])
    assert 'there are 2 (left, right). Name it with --image-column COLUMN' in refusal(
        PACK, file, tmp_path / 'out')
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
    monkeypatch.setitem(__import__('sys').modules, 'pyarrow', None)
    (tmp_path / 'a.parquet').write_bytes(b'PAR1')
    assert 'Parquet files need the package pyarrow: pip install pyarrow' in refusal(
        PACK, tmp_path / 'a.parquet', tmp_path / 'out')


def test_columns__are_for_parquet_alone(tmp_path):
    layouts.write_folder(tmp_path / 'images', {'a.jpg': b'1'})
    assert '--image-column and --label-column are for parquet files' in refusal(
        PACK, tmp_path / 'images', tmp_path / 'out', '--image-column', 'image')
