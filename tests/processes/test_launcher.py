"""How many processes, where they meet, and what is told of one that ends badly."""

import os
import signal

import pytest

from mimco_mm.errors import ConfigError
from mimco_mm.processes.launcher import environments, first_failure, needs_launcher, told
from mimco_mm.processes.meeting import check_alone, check_launcher
from mimco_mm.processes.process_end import rank_here
from mimco_mm.processes.ranks import Ended

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


@pytest.mark.parametrize('launcher, local, variables', [
    ('mpi', '1', dict(OMPI_COMM_WORLD_RANK='3', OMPI_COMM_WORLD_LOCAL_RANK='1',
                      OMPI_COMM_WORLD_SIZE='4', MASTER_ADDR='a')),
    ('slurm', '0', dict(SLURM_PROCID='3', SLURM_NTASKS='4', SLURM_NODELIST='a'))])
def test_rank__of_each_launcher(launcher, local, variables, environment):
    environment('RANK', '0')
    environment('LOCAL_RANK', '0')  # as train.py and test.py begin
    for name, value in variables.items():
        environment(name, value)
    check_launcher(launcher)
    assert rank_here() == 3 and os.environ['LOCAL_RANK'] == local  # mmengine finds Slurm's


def test_one_of_several_processes__does_not_train_alone(environment):
    environment('RANK', '1')
    environment('WORLD_SIZE', '1')
    check_alone()
    environment('WORLD_SIZE', '2')
    with pytest.raises(ConfigError, match='rank 1 of 2 .* add --launcher pytorch'):
        check_alone()


def test_environments__one_machine_takes_a_free_port():
    ports = set()
    for _ in range(2):
        ranks = environments(2)
        assert [(one['RANK'], one['LOCAL_RANK']) for one in ranks] == [('0', '0'), ('1', '1')]
        assert {one['WORLD_SIZE'] for one in ranks} == {'2'}
        assert {one['MASTER_ADDR'] for one in ranks} == {'127.0.0.1'}
        (port, ) = {one['MASTER_PORT'] for one in ranks}
        ports.add(port)
    assert '29500' not in ports


def test_environments__several_machines(environment):
    for name, value in zip(VARIABLES, ('4', '3', '10.0.0.1', '1234')):
        environment(name, value)
    assert environments(8)[1] == dict(
        WORLD_SIZE='32', LOCAL_WORLD_SIZE='8', RANK='25', LOCAL_RANK='1', MASTER_ADDR='10.0.0.1',
        MASTER_PORT='1234')
    environment('PORT', '')
    assert environments(8)[0]['MASTER_PORT'] == '29500'  # one for all


@pytest.mark.parametrize('variables, gpus, message', [
    ({}, 0, 'from 1 up, got 0'),
    ({'NNODES': 'two'}, 8, "NNODES must be a whole number from 1 up, got 'two'"),
    ({'NNODES': '2'}, 8, 'NNODES=2 needs MASTER_ADDR'),
    ({'NNODES': '2', 'MASTER_ADDR': 'a', 'NODE_RANK': '2'}, 8, 'NODE_RANK must be from 0 to 1'),
    ({'PORT': 'http'}, 8, "PORT must be a whole number from 1 to 65535, got 'http'"),
    ({'PORT': '99999'}, 8, "PORT must be a whole number from 1 to 65535, got '99999'"),
])
def test_environments__refusals(environment, variables, gpus, message):
    for name, value in variables.items():
        environment(name, value)
    with pytest.raises(ConfigError, match=message):
        environments(gpus)


def ended(exit_code: int = 1, rank: int = 3, **report) -> Ended:
    return Ended(rank, exit_code, dict(report, code=report.get('code', 1)) if report else {})


def test_first_failure__the_lowest_rank_with_a_word_tells():
    silent, told_by_1, told_by_2 = ended(-12, 0), ended(rank=1, message='a', trace=''), ended(
        rank=2, message='b', trace='')
    assert first_failure([silent, told_by_1, told_by_2]) == told_by_1
    assert first_failure([silent]) == silent
    # a rank that was killed tells, not the one that lost its connection by that, or was told to end
    lost, killed = ended(rank=0, message=None, trace='Connection reset by peer'), ended(-9, 1)
    assert first_failure([lost, killed]) == killed
    assert first_failure([silent, killed]) == killed
    assert first_failure([ended(140, 0), ended(7, 1)]) == ended(7, 1)


@pytest.mark.parametrize('one, text, wanted', [
    (ended(message='Take another teacher.', trace='Traceback'), 'error: Take another teacher.', 1),
    (ended(message=None, trace='Traceback\nKeyError: 1\n'),
     'Traceback\nKeyError: 1\n(of rank 3; the other processes were ended)', 1),
    (ended(-9), 'error: The process of rank 3 was killed (SIGKILL)', 1),
    (ended(-11), 'error: The process of rank 3 ended with SIGSEGV', 1),
    (ended(7), 'error: The process of rank 3 ended with exit code 7', 1),
    (ended(138, message='Interrupted; saved.', trace='', code=138), '\nInterrupted; saved.', 138),
    (ended(-15), '\nInterrupted by SIGTERM.', 143),
    (ended(128 + signal.SIGINT), '\nInterrupted by SIGINT.', 130),
])
def test_told(one, text, wanted):
    said, code = told(one)
    assert said.startswith(text) and code == wanted
