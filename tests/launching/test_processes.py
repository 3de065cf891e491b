"""How many processes, where they meet, and what is told of one that ends badly."""

import json
import signal
from types import SimpleNamespace

import pytest

from mimco_mm.errors import ConfigError
from mimco_mm.launching import needs_launcher
from mimco_mm.launching.processes import first_failure, rendezvous, told

VARIABLES = ('NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT')


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def test_needs_launcher(environment):
    assert [needs_launcher(gpus) for gpus in (None, 1, 2, 8)] == [False, False, True, True]
    environment('NNODES', '2')
    assert needs_launcher(1)
    with pytest.raises(ConfigError, match='NNODES=2 needs --gpus N'):
        needs_launcher(None)
    with pytest.raises(ConfigError, match='--gpus must be from 1 up, got 0'):
        needs_launcher(0)


def test_rendezvous__one_machine_takes_a_free_port():
    ports = set()
    for _ in range(2):
        *where, port = rendezvous(2)
        assert where == ['--nnodes=1', '--node-rank=0', '--nproc-per-node=2',
                         '--master-addr=127.0.0.1']
        ports.add(port)
    assert '--master-port=29500' not in ports


def test_rendezvous__several_machines(environment):
    for name, value in zip(VARIABLES, ('4', '3', '10.0.0.1', '1234')):
        environment(name, value)
    assert rendezvous(8) == ('--nnodes=4', '--node-rank=3', '--nproc-per-node=8',
                             '--master-addr=10.0.0.1', '--master-port=1234')
    environment('PORT', '')
    assert rendezvous(8)[-1] == '--master-port=29500'  # one for all


@pytest.mark.parametrize('variables, gpus, message', [
    ({}, 0, 'from 1 up, got 0'),
    ({'NNODES': 'two'}, 8, "NNODES must be a whole number from 1 up, got 'two'"),
    ({'NNODES': '2'}, 8, 'NNODES=2 needs MASTER_ADDR'),
    ({'NNODES': '2', 'MASTER_ADDR': 'a', 'NODE_RANK': '2'}, 8, 'NODE_RANK must be from 0 to 1'),
    ({'PORT': 'http'}, 8, "PORT must be a whole number from 1 to 65535, got 'http'"),
    ({'PORT': '99999'}, 8, "PORT must be a whole number from 1 to 65535, got '99999'"),
])
def test_rendezvous__refusals(environment, variables, gpus, message):
    for name, value in variables.items():
        environment(name, value)
    with pytest.raises(ConfigError, match=message):
        rendezvous(gpus)


def failure(exitcode: int = 1, **report):
    name = signal.Signals(-exitcode).name if exitcode < 0 else ''
    return SimpleNamespace(exitcode=exitcode, signal_name=lambda: name,
                           message=json.dumps(report) if report else 'To enable traceback see')


def test_first_failure__the_lowest_rank_with_a_word_tells():
    ranks = {0: failure(-15), 2: failure(message='b', trace=''), 1: failure(message='a', trace='')}
    error = SimpleNamespace(failures=ranks, get_first_failure=lambda: (0, ranks[0]))
    assert first_failure(error) == (1, ranks[1])
    del ranks[1], ranks[2]
    assert first_failure(error) == (0, ranks[0])
    # a rank that was killed tells, not the one that lost its connection by that
    ranks.update({0: failure(message=None, trace='Connection reset by peer'), 1: failure(-9)})
    assert first_failure(error) == (1, ranks[1])


@pytest.mark.parametrize('one, text', [
    (failure(message='Take another teacher.', trace='Traceback'), 'error: Take another teacher.'),
    (failure(message=None, trace='Traceback\nKeyError: 1\n'),
     'Traceback\nKeyError: 1\n(of rank 3; the other processes were ended)'),
    (failure(-9), 'error: The process of rank 3 was killed (SIGKILL)'),
    (failure(-11), 'error: The process of rank 3 ended with SIGSEGV'),
    (failure(7), 'error: The process of rank 3 ended with exit code 7'),
])
def test_told(one, text):
    said, code = told(3, one)
    assert said.startswith(text) and code == 1
