"""Counted work has closed forms; ratios are medians over turns; a step trains."""

import statistics

import pytest
import torch
from torch import nn

from mimco_mm.speed.throughput import (
    Work,
    count_work,
    shares,
    shares_in_words,
    step_markdown,
    step_rows,
)
from mimco_mm.speed.turns import take_turns

CPU = torch.device('cpu')


def test_count_work__of_a_product_and_a_sum():
    a, b = torch.randn(4, 8), torch.randn(8, 16)

    def step():
        c = a @ b                   # 2 * 4 * 8 * 16 operations, (32 + 128 + 64) floats
        return c.view(64) + 1.      # a view is free; 64 + 64 floats

    assert count_work(step) == Work(operations=1024, traffic=4 * (32 + 128 + 64 + 64 + 64))


def test_count_work__of_backward_is_twice_that_of_forward():
    layer = nn.Linear(8, 16)
    x = torch.randn(4, 8, requires_grad=True)
    forward = count_work(lambda: layer(x)).operations
    assert forward == 2 * 4 * 8 * 16
    assert count_work(lambda: layer(x).sum().backward()).operations == 3 * forward


def test_count_work__sees_attention():
    q = torch.randn(1, 2, 5, 4)
    work = count_work(lambda: nn.functional.scaled_dot_product_attention(q, q, q))
    assert work.operations == 2 * (2 * 2 * 5 * 5 * 4)


def test_take_turns__alternates_after_one_untimed_turn():
    turns = []
    seconds = take_turns(dict(a=lambda: turns.append('a'), b=lambda: turns.append('b')), 2, CPU)
    assert turns == list('ababab')
    assert {name: len(times) for name, times in seconds.items()} == dict(a=2, b=2)


def test_step_rows__ratios_are_of_the_same_turn():
    seconds = dict(SimMIM=[1., 2., 4.], MimCo=[2., 2., 2.])
    work = {name: Work(10, 20) for name in seconds}
    first, second = step_rows(seconds, 8, dict(SimMIM=5, MimCo=6), work)
    assert first['ratio'] == 1 and first['images_per_s'] == 4
    assert (second['lowest_ratio'], second['ratio'], second['highest_ratio']) == (0.5, 1, 2)
    assert second['ratio'] == statistics.median([2 / 1, 2 / 2, 2 / 4])
    assert second['memory'] == 6 and second['operations'] == 10
    lines = step_markdown([first, second], operations_per_s=5., bytes_per_s=4.).splitlines()
    assert len(lines) == 4
    columns = [cell.strip() for cell in lines[3].strip('|').split('|')]
    assert columns[0] == 'MimCo' and columns[3] == '1.00 (0.50 to 2.00)'
    assert (columns[6], columns[8]) == ('2.000', '5.000')  # floors: 10 / 5, 20 / 4


def test_shares__the_rest_is_the_heads():
    parts = shares([10., 20.], dict(teacher=[2., 2.], student=[5., 12.]))
    assert parts == dict(teacher=[0.2, 0.1], student=[0.5, 0.6], heads=pytest.approx([0.3, 0.3]))


def test_shares_in_words__median_and_range_and_none_below_0():
    found = shares([10., 10., 10.], dict(student=[9., 11., 12.], teacher=[1.] * 3))
    assert shares_in_words(found) == (
        'student 110% (90% to 120%), teacher 10% (10% to 10%), '
        'heads within the noise of the other parts (-30% to 0%)')
    assert shares_in_words(dict(heads=[0.2, 0.25, -0.1])) == 'heads 20% (-10% to 25%)'
