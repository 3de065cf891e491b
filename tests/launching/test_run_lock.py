"""A run keeps others out of its work dir as long as it lives, and no longer."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from mimco_mm.errors import ConfigError
from mimco_mm.launching.run_lock import DEAD, FILE, check_lock, owner, run_lock


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ('RANK', 'SLURM_JOB_ID', 'SLURM_RESTART_COUNT'):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, '-c', ''])
    process.wait()
    return process.pid


ELSEWHERE = dict(host='node7', space=['node7', 'pid:[1]'])


@pytest.mark.parametrize('other, age, lives', [
    ({}, 0, True),
    ({}, 2 * DEAD, True),  # a process that is there lives, whatever a file system says
    (dict(started='1'), 0, False),  # another process has its number now
    (dict(pid='dead'), 0, False),
    (ELSEWHERE, DEAD / 2, True),
    (ELSEWHERE, 2 * DEAD, False),
    (dict(ELSEWHERE, job=['77', '0']), 0, False),  # Slurm has started the job anew
    (dict(ELSEWHERE, job=['77', '1']), 0, True),
    (dict(ELSEWHERE, job=['76', '0']), 0, True),
])
def test_lock_of_another(other, age, lives, tmp_path, environment, capsys):
    if 'job' in other:
        environment('SLURM_JOB_ID', '77')
        environment('SLURM_RESTART_COUNT', '1')
    if other.get('pid') == 'dead':
        other = dict(other, pid=dead_process())
    file = tmp_path / FILE
    file.write_text(json.dumps({**owner(), **other}))
    os.utime(file, (time.time() - age, ) * 2)
    if lives:
        with pytest.raises(ConfigError, match=r'Another run is at work .* process \d+ on .* '
                           r'choose another --work-dir') as error:
            check_lock(str(tmp_path))
        assert (f'remove {file}' in str(error.value)) == ('space' in other)  # where none can look
        with pytest.raises(ConfigError, match='Another run'), run_lock(str(tmp_path)):
            pass
        assert file.exists()
    else:
        check_lock(str(tmp_path))
        with run_lock(str(tmp_path)):
            assert json.loads(file.read_text()) == owner() | dict(
                since=json.loads(file.read_text())['since'])
        assert 'has died (process ' in capsys.readouterr().out
    assert lives == (os.listdir(tmp_path) == [FILE])


def test_lock__is_removed_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), run_lock(str(tmp_path / 'new')):
        assert (tmp_path / 'new' / FILE).exists()
        1 / 0  # noqa: B018
    assert not os.listdir(tmp_path / 'new')


def test_lock__is_rank_0_s(tmp_path, environment):
    with run_lock(str(tmp_path)):
        environment('RANK', '1')
        check_lock(str(tmp_path))
        with run_lock(str(tmp_path)):
            pass
        environment('RANK', '0')
        assert (tmp_path / FILE).exists()


def test_lock__that_tells_nothing_counts_by_its_age(tmp_path):
    (tmp_path / FILE).write_text('')
    with pytest.raises(ConfigError, match='a process that it does not name'):
        check_lock(str(tmp_path))
    os.utime(tmp_path / FILE, (time.time() - 2 * DEAD, ) * 2)
    check_lock(str(tmp_path))


def test_lock_that_cannot_be_read_or_written__is_told_and_leaves_nothing(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(ConfigError, match=f'{FILE}, .* cannot be read .Is a directory.: remove it'):
        check_lock(str(tmp_path))
    (tmp_path / FILE).rmdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, limits[1]))  # bytes, as of a full disk
    try:
        with pytest.raises(OSError, match='File too large'), run_lock(str(tmp_path)):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous)
    assert not list(tmp_path.iterdir())
