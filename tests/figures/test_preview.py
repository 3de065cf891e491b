"""The pictures of a batch: masks cover the right pixels, maps and means are those of the values."""

import numpy as np
import pytest

from mimco_mm.figures.preview import (
    HIDDEN,
    hide_masked,
    in_words,
    mean_similarity,
    plot_preview,
    shade_masked,
)

from ..tables.support import assert_apart

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)
MASK = RNG.random((3, 2, 3)) > 0.5  # units of 4 px
SIMILARITY = RNG.uniform(-1, 1, (3, 4, 6))  # patches of 2 px


def test_masks__cover_their_pixels_and_no_other():
    hidden, shaded = hide_masked(IMAGES, MASK), shade_masked(IMAGES, MASK)
    assert hidden.dtype == shaded.dtype == np.uint8 and MASK.any() and not MASK.all()
    for n, y, x in np.ndindex(3, 8, 12):
        before = IMAGES[n, y, x].tolist()
        if MASK[n, y // 4, x // 4]:
            assert hidden[n, y, x].tolist() == list(HIDDEN)
            assert shaded[n, y, x].tolist() == [
                (a + b) // 2 for a, b in zip(before, (214, 39, 40))]
        else:
            assert hidden[n, y, x].tolist() == shaded[n, y, x].tolist() == before


def test_masks__show_in_grey_images():
    for grey in range(256):
        image = np.full((1, 8, 12, 3), grey, np.uint8)
        for drawn in (hide_masked(image, MASK[:1]), shade_masked(image, MASK[:1])):
            assert np.ptp(drawn[0].astype(int), axis=2).max() > 70  # coloured
    assert max(HIDDEN) - min(HIDDEN) > 70


def test_mean_similarity__of_masked_and_visible_positions():
    parts = dict(masked=[], visible=[])
    for n, y, x in np.ndindex(3, 4, 6):
        parts['masked' if MASK[n, y // 2, x // 2] else 'visible'].append(SIMILARITY[n, y, x])
    means = mean_similarity(SIMILARITY, MASK)
    assert means == pytest.approx({name: np.mean(values) for name, values in parts.items()})
    assert mean_similarity(SIMILARITY, None) == pytest.approx(dict(all=SIMILARITY.mean()))
    assert mean_similarity(SIMILARITY, np.ones_like(MASK)).keys() == {'masked'}
    assert in_words(dict(masked=0.314, visible=-0.2)) == 'masked 0.31, visible -0.20'


def test_figure__a_column_an_image_a_row_a_look_and_one_scale_for_all_maps():
    rows = dict(crop=IMAGES, mask=shade_masked(IMAGES, MASK))
    names = ['a.png', 'b.png', 'a_name_of_more_letters_than_fit.png']
    figure = plot_preview(rows, names, 'title', dict(similarity=SIMILARITY), MASK)
    axes = np.array(figure.axes[:9]).reshape(3, 3)
    for row, images in zip(axes, rows.values()):
        for axis, image in zip(row, images):
            np.testing.assert_array_equal(axis.images[0].get_array(), image)
    for axis, values in zip(axes[2], SIMILARITY):
        grey, drawn = axis.images
        np.testing.assert_array_equal(drawn.get_array(), values)
        assert drawn.get_extent() == grey.get_extent()  # the map covers the whole image
        assert drawn.get_clim() == (SIMILARITY.min(), SIMILARITY.max())
    assert [axis.get_ylabel() for axis in axes[:, 0]] == ['crop', 'mask', 'similarity']
    titles = [axis.get_title() for axis in axes[0]]
    assert titles[:2] == names[:2] and len(titles[2]) == 24 and titles[2].endswith('fit.png')
    assert axes[2, 1].get_title() == in_words(mean_similarity(SIMILARITY[1:2], MASK[1:2]))
    assert len(figure.axes) == 10  # one colour bar


def test_figure__a_long_title_over_one_image_stays_in_the_picture():
    title = f'{"config" * 12}, epoch_100.pth: {in_words(dict(masked=0.314, visible=-0.2))}'
    figure = plot_preview(dict(crop=IMAGES[:1]), ['a'], title)
    assert_apart(figure, [figure._suptitle, figure.axes[0]])


def test_figure__without_mask_or_of_equal_values_can_be_drawn(tmp_path):
    plain = plot_preview({'view 1': IMAGES, 'view 2': IMAGES}, ['a', 'b', 'c'], 'views')
    assert len(plain.axes) == 6
    same = plot_preview(dict(crop=IMAGES), ['a', 'b', 'c'], '',
                        dict(similarity=np.ones_like(SIMILARITY)))
    same.savefig(tmp_path / 'same.png')
    assert same.axes[3].get_title() == 'all 1.00'
