"""ImageNet read where it lies: original tars, timm's shards, Kaggle's folders."""

import os
import shutil
import tarfile

import pytest

from mimco_mm.datasets import LabelError, TarBackend, address_of, list_images, validation_classes
from mimco_mm.options import apply_shortcuts, load_config
from mimco_mm.watch import KNNHook
from tests.datasets import layouts
from tests.datasets.layouts import CLASSES, train_images, val_images
from tests.datasets.read_back import classes_of, contents, labelled, trained_on
from tests.tars import tar_bytes
from tests.tools.modules import call, refusal

INDEX = 'convert/index_shards.py'


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
    (tar_bytes({'x.jpg': b'1' * 3000})[:2048], 'a.tar in it: unexpected end of data'),
], ids=['compressed', 'cut'])
def test_inner_tar__that_cannot_be_read_is_named(tmp_path, inner, said):
    (tmp_path / 'all.tar').write_bytes(tar_bytes({'a.tar': inner}))
    assert f'error: {tmp_path}/all.tar is no tar, compressed or cut' in refusal(INDEX, tmp_path)


def test_inner_tars__keep_classes_of_their_own_and_are_read_one_deep(tmp_path):
    inner = tar_bytes({'own/1.jpg': b'1', '2.jpg': b'22', '3.jpg': b'333', '3.cls': b'7',
                                'deep.tar': tar_bytes({'4.jpg': b'4'})})
    (tmp_path / 'all.tar').write_bytes(tar_bytes({'sub/a.tar': inner, 'b.txt': b''}))
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
    for source in (tmp_path / 'kaggle', tmp_path / 'kaggle' / 'ILSVRC', images.parent, images):
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
