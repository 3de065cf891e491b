"""The table of the loss's memory and time, from the command line."""

import pytest

from tests.tools.modules import call, refusal


def test_table__has_a_line_a_number_of_queries():
    printed = call('speed/loss_memory.py', '--queries', 300, 1000, '--keys', 512, '--dim', 16,
                   '--repeats', 2, '--device', 'cpu')
    assert 'cpu, threads: ' in printed and 'K = 512, D = 16, 2 repeats' in printed
    titles, rule, *lines = [line for line in printed.splitlines() if line.startswith('|')]
    assert titles.count('|') == rule.count('|') == 10
    for line, queries in zip(lines, (300, 1000), strict=True):
        number, plain, chunked, ratio, *_, loss, gradient = (
            cell.strip() for cell in line.strip('|').split('|'))
        assert int(number.replace(',', '')) == queries
        logits = queries * 512 * 4 / 2**20
        assert 3.9 * logits < float(plain) < 5 * logits  # printed to 0.1 MiB
        assert float(ratio) == pytest.approx(float(chunked) / float(plain), abs=0.03)
        assert float(ratio) < 0.25 and float(loss) < 1e-5 and float(gradient) < 1e-5


def test_numbers__below_one_are_refused():
    assert "expected a number from 1 up, got '0'" in refusal('speed/loss_memory.py', '--queries', 0)
