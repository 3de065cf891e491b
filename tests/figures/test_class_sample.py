"""Some images of some classes: by the seed alone, the same whatever the other classes."""

import pytest

from mimco_mm.datasets import LabelError
from mimco_mm.embedding import list_source
from mimco_mm.figures.class_sample import sample_classes


@pytest.fixture
def classes(tmp_path):
    for name in 'abcdefgh':
        for number in range(9):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f'{number}.jpg').touch()
    return list_source(str(tmp_path))


def test_sample_classes__random_ones_by_the_seed_alone(classes):
    found = sample_classes(classes, count=3, per_class=4, seed=1)
    assert found == sample_classes(classes, count=3, per_class=4, seed=1)
    assert len(found) == 3 and list(found) == sorted(found)
    assert len({tuple(sample_classes(classes, count=3, seed=seed)) for seed in range(9)}) > 3
    for name, paths in found.items():
        assert len(set(paths)) == 4 and paths == sorted(paths)
        assert all(path.startswith(f'{classes.address}/{name}/') for path in paths)
    assert any(path[-5] > '3' for paths in found.values() for path in paths)  # not the first four


def test_sample_classes__named_ones_keep_their_order_and_images(classes):
    found = sample_classes(classes, ['h', 'b'], per_class=4, seed=1)
    assert list(found) == ['h', 'b']
    assert found['b'] == sample_classes(classes, ['b'], per_class=4, seed=1)['b']
    assert len(sample_classes(classes, ['a'], per_class=50)['a']) == 9


@pytest.mark.parametrize('arguments, reason', [
    (dict(count=9), r'9 classes were asked for, but .* has 8: a, b, c, d, e \.\.\.'),
    (dict(names=['a', 'empty']), 'has no image of class empty; it has 8'),
])
def test_sample_classes__refusals(classes, arguments, reason):
    with pytest.raises(LabelError, match=reason):
        sample_classes(classes, **arguments)
