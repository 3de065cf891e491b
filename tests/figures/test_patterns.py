"""The streamed search against a search over everything at once, and the tiles by plain loops."""

import gc
import weakref

import numpy as np
import pytest
import torch
from PIL import Image

from mimco_mm.datasets import ImageFiles, find_images
from mimco_mm.figures.bank import list_bank
from mimco_mm.figures.nearest_patches import NearestPatches, features_at
from mimco_mm.figures.pattern_queries import draw_queries, parse_query
from mimco_mm.figures.patterns import Box, context_tile, mosaic, patch_box, plot_patterns

from ..tables.support import assert_apart

IMAGES, K = 40, 6
ORANGE, BLACK, OUTSIDE, BLUE = [255, 140, 0], [0, 0, 0], 205, [0, 90, 255]


def random_maps() -> torch.Tensor:
    return torch.randn(IMAGES, 5, 3, 4, generator=torch.Generator().manual_seed(0))


def tied_maps() -> torch.Tensor:
    """Features of few directions: most patches are equally similar to a query, exactly."""
    numbers = torch.randint(0, 5, (IMAGES, 3, 4), generator=torch.Generator().manual_seed(1))
    return torch.eye(5)[numbers].permute(0, 3, 1, 2) * 2


def brute_force(maps: torch.Tensor, query: torch.Tensor, own: int) -> list:
    """(similarity, row, patch) of the best patch of each other image, most similar first."""
    found = []
    for row, features in enumerate(maps):
        if row != own:
            tokens = features.flatten(1).T
            similarity = [float(torch.cosine_similarity(token, query, 0)) for token in tokens]
            best = max(similarity)
            found.append((best, row, similarity.index(best)))
    return sorted(found, key=lambda hit: (-hit[0], hit[1]))[:K]


def search(maps: torch.Tensor, own: list, patches: list, batch: int, k: int = K) -> NearestPatches:
    nearest = NearestPatches(features_at(maps[own], patches), torch.tensor(own), k)
    for rows in torch.arange(len(maps)).split(batch):
        nearest.update(maps[rows], rows)
    return nearest


@pytest.mark.parametrize('batch', [1, 3, 7, IMAGES])
@pytest.mark.parametrize('make', [random_maps, tied_maps])
def test_nearest_patches__equals_brute_force(make, batch):
    maps, own, patches = make(), [4, 0, 39], [11, 0, 6]
    found = search(maps, own, patches, batch).hits()
    for hits, row, patch in zip(found, own, patches):
        expected = brute_force(maps, maps[row].flatten(1)[:, patch], row)
        assert [hit[1:] for hit in hits] == [hit[1:] for hit in expected]
        assert [hit[0] for hit in hits] == pytest.approx([hit[0] for hit in expected], abs=1e-6)


def test_nearest_patches__planted_answers_whatever_their_length():
    maps, direction = random_maps(), torch.tensor([3., -1., 2., 0., 5.])
    for rank, row in enumerate([30, 2, 17]):
        noise = 0.05 * rank * torch.tensor([0., 0., 0., 1., 0.])
        maps[row, :, rank, 1] = 10.**rank * (direction + 10 * noise)
    maps[9, :, 0, 0] = direction
    hits, = search(maps, [9], [0], batch=4, k=3).hits()
    assert [hit[1:] for hit in hits] == [(30, 1), (2, 5), (17, 9)]
    assert hits[0].similarity == pytest.approx(1)


def test_nearest_patches__query_from_elsewhere_excludes_no_image():
    maps = random_maps()
    nearest = NearestPatches(features_at(maps[[9]], [5]), torch.tensor([-1]), K)
    nearest.update(maps, torch.arange(IMAGES))
    assert nearest.hits()[0][0][1:] == (9, 5)


def test_nearest_patches__fewer_images_than_asked_for():
    hits, = search(random_maps()[:3], [1], [0], batch=2).hits()
    assert sorted(hit.row for hit in hits) == [0, 2]


def test_nearest_patches__keeps_nothing_of_a_batch():
    """However many images pass, three small tensors of K a query are held, and no map."""
    nearest = NearestPatches(torch.randn(2, 5), torch.tensor([-1, -1]), K)
    held = set()
    for start in range(0, 3000, 500):
        maps = torch.randn(500, 5, 3, 4)
        alive = weakref.ref(maps)
        nearest.update(maps, torch.arange(start, start + 500))
        del maps
        gc.collect()
        assert alive() is None
        held.add(sum(value.untyped_storage().nbytes() for value in vars(nearest).values()))
    assert held == {2 * 5 * 4 + 2 * 8 + 2 * K * (4 + 8 + 8)}


@pytest.mark.parametrize('box', [Box(48, 96, 16), Box(0, 0, 16), Box(112, 64, 16), Box(96, 96, 32)])
@pytest.mark.parametrize('context', [80, 41, 32])
def test_context_tile__equals_plain_loops(box, context):
    image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    tile = context_tile(image, box, context)
    assert tile.shape == (context, context, 3) and tile.dtype == np.uint8
    margin = (context - box.side) // 2
    for row in range(context):
        for column in range(context):
            y, x = box.top - margin + row, box.left - margin + column
            away = max(box.top - y, y - box.top - box.side + 1, box.left - x,
                       x - box.left - box.side + 1)  # 0 or less within the patch
            pixel = image[y, x] if 0 <= min(x, y) <= max(x, y) < 128 else [OUTSIDE] * 3
            pixel = pixel if away <= 0 else ORANGE if away <= 2 else BLACK if away == 3 else pixel
            assert tile[row, column].tolist() == list(pixel), (row, column)


def test_context_tile__leaves_the_image_as_it_is():
    image = np.full((64, 64, 3), 9, np.uint8)
    context_tile(image, Box(16, 16, 16))
    assert (image == 9).all()


def test_mosaic__tiles_in_order_and_the_query_framed():
    tiles = [np.full((10, 10, 3), 10 * n + 10, np.uint8) for n in range(7)]
    whole = mosaic(tiles, places=9)
    assert whole.shape == (3 * 14 + 4, 3 * 14 + 4, 3)
    for number, tile in enumerate(tiles):
        top, left = 4 + 14 * (number // 3), 4 + 14 * (number % 3)
        assert (whole[top:top + 10, left:left + 10] == tile).all()
    assert (whole[32:, 18:] == 255).all()  # two places are empty
    frame = np.ones((18, 18), bool)
    frame[4:14, 4:14] = False
    assert (whole[:18, :18][frame] == BLUE).all() and (whole[18:, 14:18] == 255).all()


def test_mosaic__the_frame_differs_from_all_that_can_stand_beside_it():
    """From the page, from a tile where no image is, from black ones, from the patch's outline."""
    assert len({tuple(colour) for colour in (BLUE, [255] * 3, [OUTSIDE] * 3, BLACK, ORANGE)}) == 5
    dark = context_tile(np.zeros((64, 64, 3), np.uint8), Box(0, 0, 16))
    whole = mosaic([dark, dark], places=4)
    assert (whole[:4, :88] == BLUE).all() and (dark[:29] == OUTSIDE).all()
    assert (dark[32:48, 32:48] == 0).all()  # nothing covers the patch


@pytest.mark.parametrize('patch, stride, box', [
    (0, 16, (0, 0, 16)), (13, 16, (208, 0, 16)), (14, 16, (0, 16, 16)), (48, 32, (192, 192, 32))])
def test_patch_box__numbers_go_row_by_row(patch, stride, box):
    assert patch_box(patch, stride, 224) == box


def test_plot_patterns__columns_are_models_and_rows_queries():
    panels = {title: [np.full((8, 8, 3), 10 * column + row, np.uint8) for row in range(3)]
              for column, title in enumerate(['a', 'b'])}
    figure = plot_patterns(panels, ['x', 'y', 'z'])
    shown = [axis.images[0].get_array()[0, 0, 0] for axis in figure.axes]
    assert shown == [0, 10, 1, 11, 2, 12]
    assert [axis.get_title() for axis in figure.axes] == ['a', 'b', '', '', '', '']
    assert [axis.get_ylabel() for axis in figure.axes] == ['x', '', 'y', '', 'z', '']
    assert figure._supxlabel.get_text().startswith('in blue the query')


def test_plot_patterns__long_titles_stay_over_their_columns():
    panel = np.zeros((8, 8, 3), np.uint8)
    titles = ['SimMIM-ViT-B-800e, with all that one wants to tell of it, and more', 'b' * 70]
    figure = plot_patterns({title: [panel] for title in titles}, ['a_query_' * 12])
    assert_apart(figure, [text for axis in figure.axes for text in (axis.title, axis.yaxis.label)])


@pytest.fixture
def folder(tmp_path):
    """Ten images whose left half is black, and a broken one."""
    for number in range(10):
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[:, 32:] = 100 + number
        path = tmp_path / 'a' / ('b' if number % 2 else '') / f'{number}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    (tmp_path / 'a' / 'broken.jpg').write_bytes(b'no image')
    return tmp_path / 'a'


def test_draw_queries__never_dark_and_by_the_seed_alone(folder):
    images = ImageFiles(find_images(folder), 64)
    queries = draw_queries(images, 4, side=16, seed=3)
    assert queries == draw_queries(images, 4, side=16, seed=3)
    assert queries != draw_queries(images, 4, side=16, seed=4)
    assert len({query.row for query in queries}) == 4
    for query in queries:
        assert images.paths[query.row] == query.path
        assert query.x in (40, 56) and query.y in (8, 24, 40, 56)  # centres in the bright half
    with pytest.raises(ValueError, match='11 queries were asked for, and of 11 images'):
        draw_queries(images, 11, side=16, seed=0)


def test_parse_query__row_and_patch(folder, monkeypatch):
    bank = list_bank(str(folder))
    query = parse_query('b/3.png:40,17', bank, 64)
    assert bank.paths[query.row] == query.path == str(folder / 'b' / '3.png')
    assert query.patch(16, 64) == 4 + 2 and query.patch(32, 64) == 1
    assert str(query).endswith('3.png:40,17')
    monkeypatch.chdir(folder)
    assert parse_query('b/3.png:0,63', bank, 64).row == query.row
    (folder.parent / 'other.png').write_bytes((folder / '0.png').read_bytes())
    assert parse_query(f'{folder.parent}/other.png:0,0', bank, 64).row == -1


@pytest.mark.parametrize('text, reason', [
    ('0.png', 'a query is IMAGE:X,Y'), ('0.png:3', 'a query is IMAGE:X,Y'),
    ('0.png:-1,3', 'a query is IMAGE:X,Y'), ('0.png:3,64', 'outside the crop.* from 0 to 63'),
    ('7.jpg:3,3', '7.jpg is no image: there is none of this name in')])
def test_parse_query__wrong(folder, text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_query(text, list_bank(str(folder)), 64)
