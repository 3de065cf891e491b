"""Features of images equal those of single images, in each format and from each storage."""

import fcntl
import os

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

import mimco_mm
from mimco_mm.embedding import features_of, list_source, load_embedder, read_features
from mimco_mm.errors import UserError
from tests.datasets import layouts
from tests.tools import feature_tools
from tests.tools.modules import call, refusal
from tests.transfers import classifiers as small

BROKEN = 'lying/3.png'
FEW = ['--batch-size', '5', '--num-workers', '0']


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Images of three classes, one of them broken, a Swin and a ViT."""
    folder = tmp_path_factory.mktemp('embedding')
    small.write_images(folder / 'data', 8, parts=['val'])
    feature_tools.write_checkpoints(folder)
    (folder / 'data' / 'val' / BROKEN).write_bytes(b'no image')
    return folder


@pytest.fixture(scope='module')
def expected(made):
    """File -> map of the ViT, of one image at a time."""
    built = feature_tools.network(made, 'vit')
    images = made / 'data' / 'val'
    return {path.relative_to(images).as_posix(): feature_tools.map_of(built, np.asarray(
        Image.open(path).resize((32, 32), Image.BICUBIC))).numpy()
        for path in sorted(images.rglob('*.png')) if not path.match(BROKEN)}


@pytest.mark.parametrize('ending, options', [('.parquet', ['--patches']), ('.parquet', []),
                                             ('.npy', ['--patches']), ('.npy', []), ('.csv', [])])
def test_embed__equals_single_images(made, expected, tmp_path, ending, options):
    out = tmp_path / 'new' / f'features{ending}'
    printed = call('embed.py', made / 'vit.pth', made / 'data' / 'val', '--out', out, *options,
                   *FEW)
    assert '1 image could not be read and left out' in printed and BROKEN in printed
    found = read_features(out)
    assert found.files == list(expected)
    assert found.classes == [name.partition('/')[0] for name in expected]
    maps = np.stack(list(expected.values()))
    assert found.features.dtype == np.float32
    np.testing.assert_allclose(found.features, maps.mean((2, 3)), atol=1e-5)
    if options:
        np.testing.assert_allclose(found.patches, maps, atol=1e-5)
    else:
        assert found.patches is None
    assert found.about['broken'].keys() == {str(made / 'data' / 'val' / BROKEN)}
    assert found.about['settings']['batch_size'] == 5 and 'command' in found.about
    assert not (tmp_path / 'new' / f'{out.name}.parts').exists()
    if ending == '.parquet':  # as anybody reads it
        import pyarrow.parquet as pq
        table = pq.read_table(out)
        assert table['file'].to_pylist() == found.files
        np.testing.assert_array_equal(table['feature'].to_pylist(), found.features)
    elif ending == '.npy':
        np.testing.assert_array_equal(np.load(out), found.features)


def test_embed__ends_well_where_open_files_stay(made, tmp_path, monkeypatch):
    """On NFS a file that is removed while it is open stays in its folder, by another name."""
    unlink = os.unlink

    def of_nfs(path, *, dir_fd=None):
        file = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
        handles = [f'/proc/self/fd/{number}' for number in os.listdir('/proc/self/fd')]
        if any(os.path.samestat(file, os.stat(one)) for one in handles if os.path.exists(one)):
            os.rename(path, f'.nfs{file.st_ino}', src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        else:
            unlink(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, 'unlink', of_nfs)
    printed = call('embed.py', made / 'vit.pth', made / 'data' / 'val', '--out',
                   tmp_path / 'a.npy', *FEW)
    assert printed.splitlines()[-1].endswith('a.npy.json')
    assert not (tmp_path / 'a.npy.parts').exists()


def test_embed__in_python_is_the_command_s(made, tmp_path, capsys):
    in_memory = mimco_mm.embed(made / 'swin.pth', made / 'data' / 'val', num_workers=0)
    assert capsys.readouterr().out.endswith('Features of 23 images, 16 wide\n')  # and no files
    printed = call('embed.py', made / 'swin.pth', made / 'data' / 'val', '--out',
                   tmp_path / 'a.csv', *FEW)
    assert f'16 wide, are in {tmp_path}/a.csv; what they are of is in ' in printed
    written = read_features(tmp_path / 'a.csv')
    assert in_memory.files == written.files and in_memory.features.shape == (23, 16)
    np.testing.assert_allclose(in_memory.features, written.features, atol=1e-6)
    with pytest.raises(UserError, match='embed.. takes no batch; it takes batch_size, heads, '):
        mimco_mm.embed(made / 'swin.pth', made / 'data' / 'val', batch=3)


def test_embed__sees_a_whole_file_and_refuses_another_s(made, tmp_path):
    arguments = [made / 'data' / 'val', '--out', tmp_path / 'a.npy', *FEW]
    call('embed.py', made / 'swin.pth', *arguments)
    before = (tmp_path / 'a.npy').stat()
    assert 'is there as a whole' in call('embed.py', made / 'swin.pth', *arguments)
    assert (tmp_path / 'a.npy').stat() == before
    said = refusal('embed.py', made / 'vit.pth', *arguments)
    assert f'{tmp_path}/a.npy is of something else: checkpoint_sha256 was' in said
    (tmp_path / 'a.npy.json').unlink()
    assert 'that says what it is of' in refusal('embed.py', made / 'swin.pth', *arguments)
    assert (tmp_path / 'a.npy').stat() == before


def test_parts__of_something_else_damaged_or_in_use_are_refused(made, tmp_path):
    parts = tmp_path / 'a.npy.parts'
    arguments = [made / 'swin.pth', made / 'data' / 'val', '--out', tmp_path / 'a.npy', *FEW]
    (tmp_path / 'a.npy.json').mkdir()  # the end fails, and the parts stay
    refusal('embed.py', *arguments)
    assert len(list(parts.glob('part_*.npz'))) == 2
    with (parts / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert 'Another run is writing into' in refusal('embed.py', *arguments)
    assert 'img_size was 32, now is 64' in refusal('embed.py', *arguments, '--img-size', '64')
    whole = (parts / 'part_000001.npz').read_bytes()
    (parts / 'part_000001.npz').write_bytes(whole[:-30])
    said = refusal('embed.py', *arguments)  # before anything is computed
    assert 'part_000001.npz is damaged' in said
    assert said.rstrip().endswith('remove it, and run the command again.')
    (parts / 'part_000001.npz').unlink()
    (tmp_path / 'a.npy.json').rmdir()
    printed = call('embed.py', *arguments)
    assert 'features of 8 images of 32 px; 16 were done before' in printed
    assert read_features(tmp_path / 'a.npy').features.shape == (23, 16)


@pytest.mark.parametrize('arguments, message', [
    (['--out', 'a.txt'], '--out expects a file that ends in .parquet, .npy, .csv, got a.txt'),
    (['--out', 'a.csv', '--patches'], 'A map is no row of a table'),
    (['--out', 'a.npy', '--img-size', '36'], 'Images of 36 px do not divide'),
])
def test_embed__wrong_use_is_explained(made, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in refusal('embed.py', made / 'swin.pth', made / 'data' / 'val', *arguments)
    assert not list(tmp_path.iterdir())


def test_embed__images_that_are_none_leave_no_file(made, tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'a.png').write_bytes(b'none')
    said = refusal('embed.py', made / 'swin.pth', tmp_path / 'images', '--out', tmp_path / 'a.npy',
                   *FEW)
    assert 'None of the 1 images can be read, the first is' in said
    assert not (tmp_path / 'a.npy').exists()


def test_embed__of_a_tar_of_tars_and_of_lmdb(made, tmp_path):
    folder = layouts.write_folder(tmp_path / 'folder', layouts.train_images())
    tars = layouts.write_ilsvrc(tmp_path / 'ilsvrc')
    call('convert/index_shards.py', tars / 'ILSVRC2012_img_train.tar')
    call('convert/pack_images.py', folder, tmp_path / 'lmdb', '--format', 'lmdb')
    whole = mimco_mm.embed(made / 'swin.pth', folder, num_workers=0)
    assert set(whole.classes) == set(layouts.CLASSES)
    for source in (tars / 'ILSVRC2012_img_train.tar', f'lmdb://{tmp_path / "lmdb"}'):
        found = mimco_mm.embed(made / 'swin.pth', source, num_workers=0)
        assert (found.files, found.classes) == (whole.files, whole.classes)
        np.testing.assert_array_equal(found.features, whole.features)


def test_source__validation_images_have_the_classes_of_their_list(tmp_path):
    images = list_source(str(layouts.write_kaggle(tmp_path) / 'val'))
    assert dict(zip(images.names, images.classes)) == {
        name: of for name, (of, _) in layouts.val_images().items()}
    (tmp_path / 'plain').mkdir()
    (tmp_path / 'plain' / 'a.jpg').write_bytes(layouts.jpeg(1))
    assert list_source(str(tmp_path / 'plain')).classes == [None]


def test_embedder__by_name_has_the_name_s_size_and_normalisation(made, tmp_path):
    torch.manual_seed(0)
    model = timm.create_model('test_vit.r160_in1k').eval()
    save_file(model.state_dict(), str(tmp_path / 'weights.safetensors'))
    embedder = load_embedder(f'timm:test_vit.r160_in1k={tmp_path / "weights.safetensors"}')
    side, mean, std = (model.pretrained_cfg[key] for key in ('input_size', 'mean', 'std'))
    assert embedder.img_size == side[-1]
    path = str(made / 'data' / 'val' / 'lying' / '0.png')
    rows, found = features_of(embedder, [path], {})
    image = np.asarray(Image.open(path).resize(side[1:], Image.BICUBIC)) / 255
    pixels = torch.tensor((image - mean) / std).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        maps = model.forward_intermediates(pixels, indices=[-1], norm=True,
                                           intermediates_only=True)[0]
    torch.testing.assert_close(found, maps.mean((2, 3)), atol=1e-4, rtol=1e-4)
    assert rows.tolist() == [0]
