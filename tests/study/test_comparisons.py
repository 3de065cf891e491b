"""The verdicts, on planted results."""

import math

import pytest

from mimco_mm.study import COMPARISONS, as_markdown, compare, plot_order, plot_scores
from mimco_mm.study.plan import SIZES
from mimco_mm.study.report import VERDICTS

TABLE_11 = next(c for c in COMPARISONS if c.table == 11)


def results(row: str, *values: float, network: str = 'swin') -> list:
    return [dict(row=row, network=network, seed=seed, knn=value - 10, linear=value - 5,
                 finetune=value) for seed, value in enumerate(values)]


def outcome(*found: list):
    outcomes = [o for o in compare(sum(found, []), ['swin']) if o.comparison == TABLE_11]
    return outcomes[0] if outcomes else None


def test_compare__pairs_the_seeds():
    # gaps 1, 2, 3: mean 2, deviation 1; t of two degrees of freedom is 4.30265
    found = outcome(results('mimco', 41, 52, 63), results('no-mask', 40, 50, 60))
    assert found.difference == pytest.approx(2)
    assert found.margin == pytest.approx(4.30265273 / math.sqrt(3))
    assert found.verdict == 'undecided'


@pytest.mark.parametrize('gap, verdict', [(2, 'same order'), (-2, 'other order')])
def test_compare__is_decided_where_the_interval_excludes_zero(gap, verdict):
    found = outcome(results('mimco', 40.1 + gap, 50 + gap, 60 + gap),
                    results('no-mask', 40, 50.1, 60))
    assert found.verdict == verdict


def test_compare__leaves_out_what_fewer_than_two_seeds_have():
    assert outcome(results('mimco', 41), results('no-mask', 40)) is None
    assert outcome(results('mimco', 41, 42)) is None
    two = outcome(results('mimco', 41, 42, 43), results('no-mask', 40, 40))
    assert two.difference == pytest.approx(1.5) and two.margin == pytest.approx(12.71 * 0.5, 1e-3)


def test_markdown__has_means_deviations_and_verdicts():
    found = results('mimco', 41, 42, 43) + results('no-mask', 40, 40.5, 41)
    text = as_markdown(found, compare(found, ['swin']), SIZES['reduced'])
    assert '| MimCo | 3 | 21 | 32.0 ± 1.0 | 37.0 ± 1.0 | 42.0 ± 1.0 |' in text
    line = next(line for line in text.splitlines() if line.startswith('| 11 |'))
    assert '81.66 > 81.23 (paper)' in line and '+1.5 ± 1.2, same order' in line
    assert 'ViT' not in text.replace('ViT-S', '')


def test_plot_scores__marks_are_means_and_dots_are_seeds():
    figure = plot_scores(results('mimco', 41, 42, 46) + results('no-mask', 40, 41, 42))
    drawn = {line.get_marker(): [] for line in figure.axes[2].lines}
    for line in figure.axes[2].lines:
        drawn[line.get_marker()].append(list(line.get_xdata()))
    assert drawn == {'.': [[41, 42, 46], [40, 41, 42]], '|': [[43], [41]]}
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        'MimCo', 'MimCo, no mask']
    assert figure.axes[0].yaxis_inverted()  # the first row of the table on top


def test_plot_order__points_lie_at_the_differences_in_the_colour_of_the_verdict():
    found = (results('mimco', 41, 42.1, 43) + results('no-mask', 40, 41, 42)
             + results('scratch', 50, 51, 52.1))
    outcomes = compare(found, ['swin'])
    axis = plot_order(outcomes).axes[0]
    drawn = {container.lines[0].get_color(): list(container.lines[0].get_xdata())
             for container in axis.containers}
    assert drawn == {
        VERDICTS[verdict]: [pytest.approx(o.difference) for o in outcomes if o.verdict == verdict]
        for verdict in ('same order', 'other order')}
    assert all(drawn.values())
