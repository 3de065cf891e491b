"""Figure 3's command from images to picture and JSON."""

import hashlib
import json
import re

import numpy as np
import pytest
from PIL import Image

from mimco_mm.figures.tsne import embed
from tests.datasets import layouts
from tests.transfers import classifiers as small

from . import feature_tools
from .modules import call, refusal

TOOL = 'figures/tsne.py'
CLASSES = ('n01', 'n02', 'n03')


@pytest.fixture
def made(tmp_path):
    """Folder of data/val/CLASS, of checkpoints, and the arguments that suit them."""
    small.write_images(tmp_path / 'data', 8, CLASSES, ['val'])
    checkpoints = feature_tools.write_checkpoints(tmp_path)
    return tmp_path, [*checkpoints, '--data', str(tmp_path / 'data' / 'val'), '--num-workers', '0',
                      '--num-classes', '3', '--k', '3', '--perplexity', '5', '--batch-size', '7',
                      '--out', str(tmp_path / 'new' / 'figure.png')]


def pixels_of(path: str) -> np.ndarray:
    image = Image.open(path)  # a square of 40 px
    return np.asarray(image.resize((32, 32), Image.BICUBIC))


def test_tsne__numbers_equal_single_images(made):
    folder, arguments = made
    (folder / 'names.txt').write_text('n01 tench, Tinca tinca\nn03 hen\n')
    (folder / 'data' / 'val' / 'n02' / '3.png').write_bytes(b'no image')
    printed = call(TOOL, *arguments, '--seed', '4', '--names', str(folder / 'names.txt'))
    written = json.loads((folder / 'new' / 'figure.json').read_text())
    assert list(written['broken']) == [str(folder / 'data' / 'val' / 'n02' / '3.png')]
    assert '1 image could not be read and left out' in printed and 'n02/3.png' in printed
    assert {name: (c['name'], len(c['images'])) for name, c in written['classes'].items()} == dict(
        n01=('tench', 8), n02=('n02', 8), n03=('hen', 8))
    paths = [path for c in written['classes'].values() for path in c['images']
             if path not in written['broken']]
    labels = np.repeat(range(3), [8, 7, 8])
    for title, family in (('A Swin', 'swin'), ('A ViT', 'vit')):
        built = feature_tools.network(folder, family)
        features = np.stack([feature_tools.map_of(built, pixels_of(path)).mean((1, 2)).numpy()
                             for path in paths])
        expected, found = embed(features, labels, 3, 5, seed=4), written['models'][title]
        assert found['knn_accuracy'] == pytest.approx(expected.knn)
        assert found['silhouette'] == pytest.approx(expected.silhouette, abs=1e-4)
        assert found['labels'] == labels.tolist() and np.shape(found['points']) == (23, 2)
        assert found['img_size'] == 32
        assert found['checkpoint']['sha256'] == hashlib.sha256(
            (folder / f'{family}.pth').read_bytes()).hexdigest()
        assert f'{title:6}{expected.knn:12.2f}{found["silhouette"]:12.3f}' in printed
    assert (written['settings']['seed'], written['settings']['k']) == (4, 3)
    assert 'command' in written and 'torch' in written['versions']
    picture = Image.open(folder / 'new' / 'figure.png')
    assert picture.width > 1000 and len(set(np.asarray(picture.convert('L')).ravel())) > 20


def test_tsne__by_default_fits_few_images_and_lands_under_work_dirs(made, monkeypatch):
    folder, arguments = made
    monkeypatch.chdir(folder)
    before = set(folder.iterdir())
    fixed = arguments.index('--k')  # and --perplexity after it
    printed = call(TOOL, *arguments[:fixed], '--batch-size', '7', '--images-per-class', '4')
    assert '12 images of 3 classes, 4 to 4 of each: k 3, perplexity 3\n' in printed
    assert '3-NN, %' in printed
    assert 'The picture is work_dirs/figures/tsne.png' in printed
    assert set(folder.iterdir()) - before == {folder / 'work_dirs'}
    written = json.loads((folder / 'work_dirs' / 'figures' / 'tsne.json').read_text())
    assert (written['settings']['k'], written['settings']['perplexity']) == (3, 3)


def test_tsne__a_k_above_the_smallest_class_is_told(made):
    _, arguments = made
    printed = call(TOOL, *arguments, '--images-per-class', '4', '--k', '9')
    assert 'k 9 is more than the 3 other images of the smallest class' in printed


def test_tsne__svg_and_given_classes_and_size(made):
    folder, arguments = made
    call(TOOL, *arguments, '--out', str(folder / 'a.svg'), '--classes', 'n03', 'n01',
         '--images-per-class', '5', '--img-size', '64')
    text = (folder / 'a.svg').read_text()
    assert '<svg' in text and not (folder / 'new').exists()
    written = json.loads((folder / 'a.json').read_text())
    assert {name: len(c['images']) for name, c in written['classes'].items()} == dict(n03=5, n01=5)
    assert {model['img_size'] for model in written['models'].values()} == {64}


def test_tsne__of_the_validation_images_as_they_come(made, tmp_path):
    _, arguments = made
    kaggle = layouts.write_kaggle(tmp_path / 'kaggle') / 'val'
    tar = layouts.write_ilsvrc(tmp_path / 'ilsvrc') / 'ILSVRC2012_img_val.tar'
    call('convert/index_shards.py', tar)
    written = []
    for source in (kaggle, f'tar://{tar}'):
        call(TOOL, *arguments, '--data', str(source), '--perplexity', '2')
        written.append(json.loads((tmp_path / 'new' / 'figure.json').read_text()))
    assert tuple(written[0]['classes']) == layouts.CLASSES
    assert [len(one['images']) for one in written[0]['classes'].values()] == [
        len(one['images']) for one in written[1]['classes'].values()]
    assert written[0]['models']['A Swin']['points'] == written[1]['models']['A Swin']['points']


@pytest.mark.parametrize('options, message', [
    (['--classes', 'n01', 'zebra'], 'has no image of class zebra; it has 3: n01, n02, n03'),
    (['--num-classes', '10'], '10 classes were asked for, but .* has 3: n01, n02, n03'),
    (['--perplexity', '24'], '24 images are too few for a perplexity of 24'),
    (['--k', '24', '--perplexity', '5'], '24 images are too few for 24 neighbours'),
    (['--classes', 'n01'], '8 images of 1 classes'),
    (['--out', 'a.jpeg'], r'one of .png, .svg, .pdf'),
    (['--data', 'nowhere'], 'There are no images .* under .*nowhere'),
    (['--names', 'nothing.txt'], 'nothing.txt'),
    (['--heads', 'ViT=3'], '--heads expects TITLE=N'),
    (['--img-size', '36'], 'A Swin: Images of 36 px do not divide into tokens of 8 px'),
])
def test_tsne__wrong_use_is_explained_before_the_work(made, monkeypatch, options, message):
    folder, arguments = made
    monkeypatch.chdir(folder)
    assert re.search(f'error: .*{message}', refusal(TOOL, *arguments, *options))
    assert not list(folder.rglob('*.json')) and not list(folder.rglob('figure.png'))


def test_tsne__images_that_cannot_be_read_may_leave_too_few(made):
    folder, arguments = made
    for path in (folder / 'data' / 'val').rglob('*.png'):
        path.write_bytes(b'no image')
    assert '0 images of 0 classes' in refusal(TOOL, *arguments)


def test_tsne__missing_checkpoint_is_named(made):
    _, arguments = made
    assert re.search('error: Other: .*No such checkpoint file', refusal(
        TOOL, 'Other=nothing.pth', *arguments))
