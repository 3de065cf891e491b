"""What stands at --out already: whether it is what is asked for, whole, and the user's own."""

import shutil

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

import mimco_mm
from mimco_mm.embedding import list_source, load_embedder, read_features
from mimco_mm.errors import UserError
from mimco_mm.records import RecordError
from tests.tools import feature_tools
from tests.tools.modules import call, refusal
from tests.transfers import classifiers as small

FEW = ['--num-workers', '0']


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    small.write_images(folder / 'data', 7, parts=['val'])
    feature_tools.write_checkpoints(folder)
    return folder


@pytest.fixture
def arguments(made, tmp_path):
    """Of a run whose images are the test's own."""
    shutil.copytree(made / 'data' / 'val', tmp_path / 'images')
    return [made / 'swin.pth', tmp_path / 'images', '--out', tmp_path / 'a.npy', *FEW]


def test_identity__tells_networks_of_one_file_apart(tmp_path):
    file = tmp_path / 'v.safetensors'
    save_file(timm.create_model('vit_tiny_patch16_224').state_dict(), str(file))
    one, other = (load_embedder(f'timm:{name}={file}').identity for name in (
        'vit_tiny_patch16_224', 'deit_tiny_patch16_224'))
    assert one['checkpoint_sha256'] == other['checkpoint_sha256']
    assert one['network'] != other['network']
    with pytest.raises(UserError, match='makes no map of images of 7 px.*own have 224 px'):
        load_embedder(f'timm:vit_tiny_patch16_224={file}', img_size=7)
    with pytest.raises(UserError, match='--heads is for a ViT whose file does not tell'):
        load_embedder(f'timm:vit_tiny_patch16_224={file}', heads=3)


def test_identity__has_the_heads(made, tmp_path):
    state = torch.load(made / 'vit.pth', weights_only=True)['state_dict']
    torch.save(dict(state_dict=state), tmp_path / 'untold.pth')
    three, four = (load_embedder(str(tmp_path / 'untold.pth'), heads).identity for heads in (3, 4))
    assert three['network'] != four['network']
    assert load_embedder(str(made / 'vit.pth')).identity['network'] == three['network']
    with pytest.raises(UserError, match='holds a Swin, whose tensors tell'):
        load_embedder(str(made / 'swin.pth'), 3)


@pytest.mark.parametrize('name, message', [
    ('timm:', 'expects a name after timm:'), ('hf:', 'expects a name after hf:'),
    ('timm:=a.pth', 'expects a name after timm:'),
    ('timm:vit_tiny_patch16_224=', 'expects a file after ='),
])
def test_names__without_a_name_or_file_are_refused(name, message):
    with pytest.raises(UserError, match=message):
        load_embedder(name)


def test_classes__are_part_of_what_features_are_of(made, arguments, tmp_path):
    plain = list_source(str(tmp_path / 'images'))
    other = plain._replace(classes=['another', *plain.classes[1:]])
    assert plain.identity['classes_sha256'] != other.identity['classes_sha256']
    assert plain.identity['names_sha256'] == other.identity['names_sha256']


@pytest.mark.parametrize('ending, options', [('.npy', ['--patches']), ('.csv', [])])
def test_mended_images__are_tried_again(arguments, tmp_path, ending, options):
    out = tmp_path / f'a{ending}'
    arguments = [*arguments[:3], out, *FEW, *options]
    mended = tmp_path / 'images' / 'standing' / '3.png'
    content = mended.read_bytes()
    mended.write_bytes(b'no image')
    call('embed.py', *arguments)
    before = read_features(out)
    assert len(before.files) == 20
    assert '1 image could not be read and left out' in call('embed.py', *arguments)
    mended.write_bytes(content)
    printed = call('embed.py', *arguments)
    assert '1 images can be read now' in printed
    assert 'features of 5 images of 32 px; 16 were done before' in printed
    found = read_features(out)
    assert len(found.files) == 21 and not found.about['broken']
    rows = [found.files.index(name) for name in before.files]
    np.testing.assert_allclose(found.features[rows], before.features, atol=1e-6)
    at_once = mimco_mm.embed(arguments[0], arguments[1], num_workers=0)
    assert found.files == at_once.files
    np.testing.assert_allclose(found.features, at_once.features, atol=1e-6)
    assert 'there as a whole' in call('embed.py', *arguments)


def test_mended_images__of_an_interrupted_run_are_tried_again(arguments, tmp_path):
    mended = tmp_path / 'images' / 'standing' / '3.png'
    content = mended.read_bytes()
    mended.write_bytes(b'no image')
    (tmp_path / 'a.npy.json').mkdir()  # the end fails, and the parts stay
    refusal('embed.py', *arguments)
    mended.write_bytes(content)
    (tmp_path / 'a.npy.json').rmdir()
    assert '5 images of 32 px; 16 were done' in call('embed.py', *arguments)
    assert len(read_features(tmp_path / 'a.npy').files) == 21


@pytest.mark.parametrize('name', ['a.files.csv', 'a.patches.npy', 'a.npy'])
def test_files_of_others__are_never_overwritten(arguments, tmp_path, name):
    (tmp_path / name).write_text('mine')
    said = refusal('embed.py', *arguments)
    assert f'{tmp_path / name}: there already, and no a.npy.json' in said
    assert (tmp_path / name).read_text() == 'mine'


def test_cut_files__are_not_whole(arguments, tmp_path):
    call('embed.py', *arguments)
    for name in ('a.npy', 'a.files.csv'):
        file = tmp_path / name
        whole = file.read_bytes()
        file.write_bytes(whole[:-40])
        assert 'it is damaged, or was changed' in refusal('embed.py', *arguments)
        with pytest.raises(RecordError, match='is damaged'):
            read_features(tmp_path / 'a.npy')
        file.write_bytes(whole)
    (tmp_path / 'a.npy').unlink()
    call('embed.py', *arguments)
    assert len(read_features(tmp_path / 'a.npy').files) == 21
    for content in ('[]', '{}', '{"identity": {}}', '{'):
        (tmp_path / 'a.npy.json').write_text(content)
        refusal('embed.py', *arguments)
        with pytest.raises(RecordError):
            read_features(tmp_path / 'a.npy')


@pytest.mark.parametrize('ending', ['.npy', '.csv', '.parquet'])
def test_damage__is_told_in_words(made, tmp_path, ending):
    out = tmp_path / f'a{ending}'
    mimco_mm.embed(made / 'swin.pth', made / 'data' / 'val', out, num_workers=0)
    whole = out.read_bytes()
    for content in (b'', whole[:20], whole[: len(whole) // 2], b'\xff' * 9 + whole[9:]):
        out.write_bytes(content)
        with pytest.raises(RecordError, match='is damaged'):
            read_features(out)


def test_names__that_are_not_utf_8_come_back(made, tmp_path):
    folder = tmp_path / 'images' / 'cl\udcffass'
    folder.mkdir(parents=True)
    Image.new('RGB', (40, 40)).save(folder / 'a.png')
    (folder / 'a.png').rename(folder / '\udcfe.png')
    for ending in ('.npy', '.csv', '.parquet'):
        found = mimco_mm.embed(made / 'swin.pth', tmp_path / 'images', tmp_path / f'a{ending}',
                               num_workers=0)
        assert found.files == ['cl\udcffass/\udcfe.png'] and found.classes == ['cl\udcffass']


@pytest.mark.parametrize('address', ['http://host/images', 's3://bucket/images', ''])
def test_images__at_other_addresses_are_refused(address):
    with pytest.raises(UserError, match='expects a folder, a tar, tar://FOLDER or lmdb://FOLDER'):
        list_source(address)


@pytest.mark.parametrize('options, message', [
    (dict(batch_size=0), 'batch_size expects a whole number from 1 on, got 0'),
    (dict(batch_size=2.5), 'batch_size expects'), (dict(num_workers=-1), 'num_workers expects'),
    (dict(img_size='224'), "img_size expects a whole number from 1 on, or None, got '224'"),
    (dict(img_size=0), 'img_size expects'), (dict(heads=True), 'heads expects'),
    (dict(patches='no'), 'patches expects True or False'),
])
def test_embed__checks_its_arguments(made, options, message):
    with pytest.raises(UserError, match=message):
        mimco_mm.embed(made / 'swin.pth', made / 'data' / 'val', **options)
