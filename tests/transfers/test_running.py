"""The steps of a suite: each once, and its record first."""

from mimco_mm.transfers.plan import Step
from mimco_mm.transfers.running import FINISHED, check, run_step


def test_step__may_be_begun_by_a_second_machine(tmp_path):
    step = Step('linear', 'linear', ['echo', 'trained'], dict(of='this'))
    assert run_step(step, tmp_path / 'out', 1) == FINISHED
    assert run_step(step, tmp_path / 'out', 0) == FINISHED
    check([step], tmp_path / 'out')
    assert (tmp_path / 'out' / 'linear_node-1.log').read_text() == '$ echo trained\ntrained\n'
    assert run_step(step, tmp_path / 'out', 1) == 'finished before'
