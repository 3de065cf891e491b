"""The verdicts, on planted results."""

import math

import pytest
from scipy.stats import ttest_rel

from mimco_mm.study import (
    COMPARISONS,
    SIZES,
    as_markdown,
    compare,
    holm,
    of_rows,
    plot_lengths,
    plot_order,
    plot_scores,
)
from mimco_mm.study.plots import COLOURS

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
    assert found.gap.difference == pytest.approx(2) and found.gap.seeds == 3
    assert found.gap.margin == pytest.approx(4.30265273 / math.sqrt(3))
    assert found.gap.p == pytest.approx(ttest_rel([41, 52, 63], [40, 50, 60]).pvalue)
    assert found.p == pytest.approx(12 * found.gap.p) and found.verdict == 'undecided'


@pytest.mark.parametrize('gap, verdict', [(2, 'as in the paper'), (-2, 'against it')])
def test_compare__is_decided_where_the_corrected_test_says_so(gap, verdict):
    found = outcome(results('mimco', 40.1 + gap, 50 + gap, 60 + gap, 60 + gap),
                    results('no-mask', 40, 50.1, 60, 60))
    assert found.p < 0.05 and found.verdict == verdict


def test_compare__a_small_p_alone_decides_nothing():
    found = outcome(results('mimco', 42.1, 52, 61.6), results('no-mask', 40, 50.1, 60))
    assert found.gap.p < 0.02 and found.gap.margin < found.gap.difference
    assert found.p == pytest.approx(12 * found.gap.p) and found.verdict == 'undecided'


def test_holm__is_that_of_a_worked_example_and_counts_tests_to_come():
    # three of three: 0.01 x 3, 0.02 x 2, 0.04 x 1, never falling
    assert holm([0.04, 0.01, 0.02], 3) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.04, 0.01, 0.02], 12) == pytest.approx([0.4, 0.12, 0.22])
    assert holm([0.3, 0.5], 2) == pytest.approx([0.6, 0.6]) and holm([0.5], 12) == [1]


def test_compare__equal_gaps_need_no_division():
    assert outcome(results('mimco', 41, 42), results('no-mask', 40, 41)).p == 0
    assert outcome(results('mimco', 41, 42), results('no-mask', 41, 42)).verdict == 'undecided'


def test_compare__leaves_out_what_fewer_than_two_seeds_have():
    assert outcome(results('mimco', 41), results('no-mask', 40)) is None
    assert outcome(results('mimco', 41, 42)) is None
    two = outcome(results('mimco', 41, 42, 43), results('no-mask', 40, 40))
    assert two.gap.difference == pytest.approx(1.5)
    assert two.gap.margin == pytest.approx(12.71 * 0.5, 1e-3)


def test_compare__corrects_each_network_by_itself():
    one = results('mimco', 41, 52, 63) + results('no-mask', 40, 50, 60)
    both = one + [dict(r, network='vit') for r in one]
    found = {o.network: o.p for o in compare(both, ['swin', 'vit'])}
    assert found['swin'] == found['vit'] == pytest.approx(compare(one, ['swin'])[0].p)


def test_markdown__has_means_deviations_and_verdicts():
    found = results('mimco', 41, 42, 43) + results('no-mask', 40, 40.5, 41)
    text = as_markdown(found, compare(found, ['swin']), SIZES['reduced'])
    assert '| MimCo | 3 | 21 | 3 | 32.0 ± 1.0 | 37.0 ± 1.0 | 42.0 ± 1.0 |' in text
    line = next(line for line in text.splitlines() if line.startswith('| 11 |'))
    assert line == ('| 11 | MimCo | MimCo, no mask | Swin-T 81.66 > 81.23 (paper) | '
                    '+1.5 ± 1.2 | +1.5 ± 1.2 | **+1.5 ± 1.2** | 0.42 | undecided |')
    assert 'ViT' not in text.replace('ViT-S', '')


def test_markdown__of_a_trial_says_so_and_has_no_table_without_rows():
    text = as_markdown(results('mimco', 41), [], SIZES['reduced']._replace(train=20))
    assert text.startswith('A trial (train=20, ')
    assert text.endswith('Nothing can be compared yet: a comparison needs both methods, of two '
                         'seeds or more.\n')
    assert 'trial' not in as_markdown(results('mimco', 41), [], SIZES['reduced'])


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
    found = (results('mimco', 41, 42.1, 43) + results('no-mask', 40, 41.8, 42)
             + results('scratch', 90, 91, 92.1))
    outcomes = compare(found, ['swin'])
    axis = plot_order(outcomes).axes[0]
    drawn = {container.lines[0].get_color(): list(container.lines[0].get_xdata())
             for container in axis.containers}
    assert drawn == {
        COLOURS[verdict]: [pytest.approx(o.gap.difference) for o in outcomes
                           if o.verdict == verdict]
        for verdict in ('undecided', 'against it')}
    assert all(drawn.values())


def test_lengths__are_lines_over_epochs_beside_the_tables():
    size = SIZES['reduced']
    found = [dict(r, epochs=epochs, finetune=r['finetune'] + epochs)
             for epochs in (1, 3, 9) for r in results('mimco', 40, 42)]
    found += [dict(r, epochs=9) for r in results('moby', 50, 51)]
    assert {(r['row'], r['epochs']) for r in of_rows(found, size)} == {('mimco', 3), ('moby', 9)}
    axis = plot_lengths(found, size).axes[2]
    lines = {line.get_label(): line for line in axis.lines}
    assert list(lines['MimCo'].get_xdata()) == [1, 3, 9]
    assert list(lines['MimCo'].get_ydata()) == [42, 44, 50]
    assert list(lines['MoBY, the teacher (9 epochs)'].get_ydata()) == [50.5, 50.5]
