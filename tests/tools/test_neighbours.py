"""The command from images, or a file of features, to picture and JSON."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.transfers import classifiers as small

from . import feature_tools
from .modules import call, refusal
from .test_tsne import pixels_of

FEW = ['--k', '3', '--num-workers', '0', '--batch-size', '7']


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Images of three classes, a Swin, a ViT, and a file of the ViT's features."""
    folder = tmp_path_factory.mktemp('neighbours')
    small.write_images(folder / 'data', 4, parts=['val'])
    checkpoints = feature_tools.write_checkpoints(folder)
    (folder / 'data' / 'val' / 'mixed' / '2.png').write_bytes(b'no image')
    call('embed.py', folder / 'vit.pth', folder / 'data' / 'val', '--out', folder / 'vit.csv',
         '--num-workers', '0')
    return folder, checkpoints


def nearest(folder, family: str, query: str) -> list[tuple[str, float]]:
    """Files and similarities of the three nearest others, one image at a time."""
    built = feature_tools.network(folder, family)

    def feature(path) -> np.ndarray:
        found = feature_tools.map_of(built, pixels_of(path)).mean((1, 2)).numpy()
        return found / np.linalg.norm(found)

    own = feature(query)
    others = {str(path): float(own @ feature(path)) for path in (folder / 'data').rglob('*.png')
              if str(path) != query and path.stat().st_size > 10}
    return sorted(others.items(), key=lambda item: -item[1])[:3]


def test_neighbours__equal_single_images_for_each_checkpoint(made, tmp_path):
    folder, checkpoints = made
    outside = tmp_path / 'mine.png'
    Image.open(folder / 'data/val/lying/1.png').transpose(Image.ROTATE_180).save(outside)
    inside = str(folder / 'data' / 'val' / 'standing' / '0.png')
    printed = call('figures/neighbours.py', *checkpoints, '--data', folder / 'data' / 'val',
                   '--queries', 'standing/0.png', outside, '--out', tmp_path / 'a.png', *FEW)
    assert '1 image could not be read and left out' in printed
    written = json.loads((tmp_path / 'a.json').read_text())
    assert list(written['broken']) == [str(folder / 'data' / 'val' / 'mixed' / '2.png')]
    for title, family in (('A Swin', 'swin'), ('A ViT', 'vit')):
        for query, found in zip((inside, str(outside)), written['models'][title]['queries']):
            expected = nearest(folder, family, query)
            assert found['query'] == query
            assert [hit['file'] for hit in found['neighbours']] == [file for file, _ in expected]
            np.testing.assert_allclose([hit['similarity'] for hit in found['neighbours']],
                                       [value for _, value in expected], atol=1e-5)
    assert Image.open(tmp_path / 'a.png').width > 1000


def test_neighbours__of_a_file_of_features_are_those_of_the_folder(made, tmp_path):
    folder, _ = made
    for data in ('data/val', 'vit.csv'):
        call('figures/neighbours.py', folder / 'vit.pth', '--data', folder / data, '--queries',
             'lying/0.png', '--out', tmp_path / data / 'a.svg', *FEW)
    found = [json.loads((tmp_path / data / 'a.json').read_text())['models']['vit']['queries'][0]
             for data in ('data/val', 'vit.csv')]
    assert [hit['file'] for hit in found[0]['neighbours']] == [
        hit['file'] for hit in found[1]['neighbours']]
    assert found[1]['neighbours'][0]['class_name'] in small.CLASSES
    said = refusal('figures/neighbours.py', folder / 'swin.pth', '--data', folder / 'vit.csv',
                   '--queries', 'lying/0.png', '--out', tmp_path / 'b.png', *FEW)
    assert f'The features of {folder}/vit.csv are of something else than swin: checkpoint' in said
    call('embed.py', folder / 'vit.pth', folder / 'data' / 'val', '--out', tmp_path / '16.csv',
         '--img-size', '16', '--num-workers', '0')
    said = refusal('figures/neighbours.py', folder / 'swin.pth', '--data', tmp_path / '16.csv',
                   '--queries', 'lying/0.png', '--out', tmp_path / 'b.png', *FEW)
    assert re.search('16 px are those of .*16.csv, whose features are of the checkpoint ', said)
    (tmp_path / 'cut.csv').write_text((folder / 'vit.csv').read_text()[:900])
    (tmp_path / 'cut.csv.json').write_text((folder / 'vit.csv.json').read_text())
    assert 'cut.csv or what is beside it is damaged' in refusal(
        'figures/neighbours.py', folder / 'vit.pth', '--data', tmp_path / 'cut.csv', '--queries',
        'lying/0.png', '--out', tmp_path / 'b.png', *FEW)


@pytest.mark.parametrize('options, message', [
    (['--queries', 'lying/9.png'], 'error: The query lying/9.png is no image: there is none of'),
    (['--queries', 'mixed/2.png'], 'mixed/2.png cannot be read ('),
    (['--queries', 'lying/0.png', '--k', '11'], '11 other images were asked for, but there are 11'),
    (['--queries', 'lying/0.png', '--heads', 'ViT=3'], '--heads expects TITLE=N'),
    (['--queries', 'lying/0.png', '--data', 'none.npy'], 'There is no none.npy'),
    (['--queries', 'http://host/a.png'], 'expects a folder, a tar, tar://FOLDER'),
    (['--queries', 'lying/0.png', '--data', 's3://bucket'], 'expects a folder, a tar, tar://FO'),
])
def test_neighbours__wrong_use_is_explained(made, tmp_path, options, message):
    folder, _ = made
    said = refusal('figures/neighbours.py', folder / 'swin.pth', '--data', folder / 'data' / 'val',
                   '--out', tmp_path / 'a.png', *FEW, *options)
    assert message in said and not list(tmp_path.iterdir())
