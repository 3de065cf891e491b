"""Figure 4's command from images to picture and JSON."""

import hashlib
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from mimco_mm import figures
from mimco_mm.figures import patterns_figure

from . import feature_tools
from .modules import call, refusal

TOOL = 'figures/patterns.py'
COUNT = 12


@pytest.fixture
def made(tmp_path):
    """Smooth images of 32 px in a tree, checkpoints, and the arguments that suit them."""
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        path = tmp_path / 'data' / ('deep/er' if number % 2 else '') / f'{number:02d}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(60, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize((32, 32), Image.BICUBIC).save(path)
    checkpoints = feature_tools.write_checkpoints(tmp_path)
    return tmp_path, [*checkpoints, '--data', str(tmp_path / 'data'), '--num-workers', '0',
                      '--img-size', '32', '--neighbours', '8', '--context', '20', '--batch-size',
                      '5', '--out', str(tmp_path / 'new' / 'figure.png')]


def pixels_of(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert('RGB'))


def search_by_loops(built, paths: list, query: str, x: int, y: int) -> list:
    """(similarity, path, left, top) of the best patch of each other image, most similar first."""
    maps = {path: feature_tools.map_of(built, pixels_of(path)).double() for path in paths}
    wanted, found = maps[query][:, y // 8, x // 8], []
    for path in paths:
        if path != query:
            found.append(max(
                (float(torch.cosine_similarity(maps[path][:, row, column], wanted, 0)), path,
                 8 * column, 8 * row) for row in range(4) for column in range(4)))
    return sorted(found, reverse=True)


def test_patterns__land_under_work_dirs(made, monkeypatch):
    folder, arguments = made
    monkeypatch.chdir(folder)
    before = set(folder.iterdir())
    printed = call(TOOL, *arguments[:-2], '--num-queries', '1')  # without --out
    assert set(folder.iterdir()) - before == {folder / 'work_dirs'}
    assert 'The picture is work_dirs/figures/patterns.png' in printed
    for name in ('patterns.png', 'patterns.json'):
        assert (folder / 'work_dirs' / 'figures' / name).is_file()


def test_patterns__hits_equal_single_images(made):
    folder, arguments = made
    (folder / 'data' / 'deep' / 'broken.jpg').write_bytes(b'no image')
    printed = call(TOOL, *arguments, '--queries', 'deep/er/03.png:9,30', '00.png:31,0')
    written = json.loads((folder / 'new' / 'figure.json').read_text())
    paths = sorted(map(str, (folder / 'data').rglob('*.png')))
    assert list(written['broken']) == [str(folder / 'data' / 'deep' / 'broken.jpg')]
    assert '1 image could not be read and left out' in printed and 'broken.jpg' in printed
    assert written['images'] == COUNT + 1
    queries = [(str(folder / 'data' / 'deep/er/03.png'), 9, 30, dict(left=8, top=24, side=8)),
               (str(folder / 'data' / '00.png'), 31, 0, dict(left=24, top=0, side=8))]
    assert [(q['path'], q['x'], q['y']) for q in written['queries']] == [q[:3] for q in queries]
    for title, family in (('A Swin', 'swin'), ('A ViT', 'vit')):
        model = written['models'][title]
        built = feature_tools.network(folder, family)
        for (path, x, y, box), found in zip(queries, model['patterns']):
            assert found['query'] == box
            expected = search_by_loops(built, paths, path, x, y)[:8]
            assert [hit['similarity'] for hit in found['hits']] == pytest.approx(
                [hit[0] for hit in expected], abs=1e-5)
            assert [(hit['file'], hit['left'], hit['top']) for hit in found['hits']] == [
                hit[1:] for hit in expected]
            assert path not in {hit['file'] for hit in found['hits']}
        assert model['checkpoint']['sha256'] == hashlib.sha256(
            (folder / f'{family}.pth').read_bytes()).hexdigest()
    assert 'A Swin, patches of 8 px' in printed
    assert Image.open(folder / 'new' / 'figure.png').width > 1000


def test_patterns__drawn_pixels_are_those_that_the_network_saw(made, monkeypatch):
    """The tiles of the figure, against the images of the JSON's hits."""
    folder, arguments = made
    drawn = {}
    monkeypatch.setattr(patterns_figure, 'plot_patterns', lambda mosaics, queries: drawn.update(
        mosaics) or plot(mosaics, queries))
    plot = figures.plot_patterns
    call(TOOL, *arguments, '--queries', '00.png:12,20')
    written = json.loads((folder / 'new' / 'figure.json').read_text())
    for title, (whole, ) in drawn.items():
        found, = written['models'][title]['patterns']
        files = [str(folder / 'data' / '00.png'), *(hit['file'] for hit in found['hits'])]
        assert whole.shape == (3 * 24 + 4, 3 * 24 + 4, 3)
        for number, (path, box) in enumerate(zip(files, [found['query'], *found['hits']])):
            row, column = (4 + 24 * place for place in divmod(number, 3))
            tile = whole[row:row + 20, column:column + 20]
            padded = np.pad(pixels_of(path), ((20, 20), (20, 20), (0, 0)), constant_values=205)
            top, left = box['top'] + 20 - 6, box['left'] + 20 - 6
            around = padded[top:top + 20, left:left + 20]
            outline = np.zeros((20, 20), bool)
            outline[3:17, 3:17] = True
            outline[6:14, 6:14] = False
            assert np.array_equal(tile[~outline], around[~outline])  # the whole patch, too
            assert {tuple(pixel) for pixel in tile[outline]} == {(0, 0, 0), (255, 140, 0)}


@pytest.mark.parametrize('batch_size, workers', [('1', '0'), ('64', '2')])
def test_patterns__batches_and_workers_change_nothing(made, batch_size, workers):
    folder, arguments = made
    call(TOOL, *arguments, '--num-queries', '3', '--seed', '2')
    call(TOOL, *arguments, '--num-queries', '3', '--seed', '2', '--batch-size', batch_size,
         '--num-workers', workers, '--out', str(folder / 'again.svg'))
    one, two = (json.loads(path.read_text()) for path in (
        folder / 'new' / 'figure.json', folder / 'again.json'))
    assert one['queries'] == two['queries'] and len(one['queries']) == 3
    for title, model in one['models'].items():
        for first, second in zip(model['patterns'], two['models'][title]['patterns']):
            assert [hit['row'] for hit in first['hits']] == [hit['row'] for hit in second['hits']]
    assert '<svg' in (folder / 'again.svg').read_text()


@pytest.mark.parametrize('options, message', [
    (['--neighbours', '12'], '12 other images were asked for, but there are 12 under'),
    (['--queries', '00.png'], 'a query is IMAGE:X,Y'),
    (['--queries', '99.png:1,1'], 'The query 99.png is no image'),
    (['--queries', '00.png:32,1'], 'outside the crop'),
    (['--num-queries', '13'], '13 queries were asked for, and of 12 images 12 gave one'),
    (['--context', '7'], '--context 7 is smaller than a patch of 8 px'),
    (['--data', 'nowhere'], 'There are no images .* under .*nowhere'),
    (['--img-size', '36'], 'A Swin: Images of 36 px do not divide'),
    (['--out', 'a.txt'], 'one of .png, .svg, .pdf'),
])
def test_patterns__wrong_use_is_explained_before_the_work(made, monkeypatch, options, message):
    folder, arguments = made
    monkeypatch.chdir(folder)
    assert re.search(f'error: .*{message}', refusal(TOOL, *arguments, *options))
    assert not list(folder.rglob('*.json')) and not list(folder.rglob('figure.png'))


def test_patterns__a_query_that_cannot_be_read_is_named(made):
    folder, arguments = made
    (folder / 'data' / 'broken.jpg').write_bytes(b'no image')
    assert re.search('the image .*broken.jpg of a query cannot be read', refusal(
        TOOL, *arguments, '--queries', 'broken.jpg:1,1'))


def test_patterns__weights_that_diverged_are_named(made):
    folder, arguments = made
    content = torch.load(folder / 'vit.pth', weights_only=True)
    content['state_dict']['backbone.ln1.weight'][0] = 3e38  # finite, as its products are not
    torch.save(content, folder / 'vit.pth')
    assert 'error: Features of A ViT are not finite' in refusal(TOOL, *arguments)
