import math

import pytest
import torch

from mimco_mm.evaluation import feature_std, rankme


def plain_rankme(features: torch.Tensor) -> float:
    """Eq. 1 and 2 of RankMe, by the singular values themselves."""
    singular = torch.linalg.svdvals(features.double()).tolist()
    shares = [s / sum(singular) + 1e-7 for s in singular]
    return math.exp(-sum(p * math.log(p) for p in shares))


@pytest.mark.parametrize('shape', [(40, 6), (6, 40), (12, 12)])
def test_rankme__equals_the_singular_values_formula(shape):
    torch.manual_seed(0)
    features = torch.randn(shape) * torch.linspace(0.1, 3, shape[1])
    assert 2 < rankme(features).item() < 12
    assert rankme(features).item() == pytest.approx(plain_rankme(features), rel=1e-5)


def test_rankme__has_its_closed_forms():
    assert rankme(torch.eye(8)).item() == pytest.approx(8, rel=1e-4)
    assert rankme(torch.ones(16, 8)).item() == pytest.approx(1, abs=1e-4)
    two_directions = torch.eye(8)[[0, 1] * 5]
    assert rankme(two_directions).item() == pytest.approx(2, rel=1e-4)
    assert rankme(torch.zeros(4, 3)) == 0


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_rankme__of_a_bad_feature_is_nan(bad):
    features = torch.randn(6, 4)
    features[2, 1] = bad
    assert math.isnan(rankme(features))


def test_feature_std__is_one_in_all_directions_and_zero_of_constants():
    torch.manual_seed(0)
    for width in (16, 256):
        assert feature_std(torch.randn(4000, width)).item() == pytest.approx(1, abs=0.02)
    assert feature_std(torch.ones(8, 5) * torch.arange(1, 9)[:, None]).item() < 1e-6


def test_feature_std__equals_plain_loops():
    torch.manual_seed(0)
    features = torch.randn(5, 3, dtype=torch.float64) + 1
    rows = [[x / math.sqrt(sum(y * y for y in row)) for x in row] for row in features.tolist()]
    stds = []
    for column in zip(*rows):
        mean = sum(column) / 5
        stds.append(math.sqrt(sum((x - mean)**2 for x in column) / 4))
    assert feature_std(features).item() == pytest.approx(sum(stds) / 3 * math.sqrt(3), 1e-12)


@pytest.mark.parametrize('measure', [feature_std, rankme])
@pytest.mark.parametrize('shape', [(1, 4), (4, ), (2, 3, 4)])
def test_measures__expect_two_features(measure, shape):
    with pytest.raises(ValueError, match='N >= 2'):
        measure(torch.zeros(shape))
