import pytest
import torch

from tests.leaves import differing, run_state


def checkpoint(**changes) -> dict:
    content = dict(state_dict=dict(w=torch.arange(3.)), optimizer=dict(state={0: dict(step=4)}),
                   param_schedulers=[dict(last_step=4)], meta=dict(epoch=1, iter=4, seed=0))
    return {**content, **changes}


@pytest.mark.parametrize('changes, told', [
    ({}, []),
    (dict(state_dict=dict(w=torch.tensor([0., 1., 2.5]))), ['state_dict/w']),
    (dict(state_dict=dict(w=4.)), ['state_dict/w']),
    (dict(state_dict=dict(v=torch.arange(3.))), ['state_dict/w', 'state_dict/v']),
    (dict(optimizer=dict(state={0: dict(step=5)})), ['optimizer/state/0/step']),
    (dict(param_schedulers=[dict(last_step=4), dict(last_step=4)]),
     ['param_schedulers/1/last_step']),
    (dict(meta=dict(epoch=1, iter=5, seed=0)), ['meta/iter'])])
def test_differing__names_all_that_is_not_in_both(changes, told):
    assert differing(run_state(checkpoint()), run_state(checkpoint(**changes))) == told


def test_run_state__of_a_part_that_is_empty_proves_nothing():
    with pytest.raises(AssertionError, match='empty'):
        run_state(checkpoint(optimizer={}))
