"""A run that is interrupted, or of which a process is killed, says so and leaves nobody behind."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests import tiny

from .support import checkout, environment


@pytest.fixture
def long_run(tmp_path) -> Path:
    data = tiny.write_images(tmp_path / 'images', 16)
    cfg = tiny.config('mimco_swin-t', tmp_path / 'run', data, batch_size=4, epochs=100000, **{
        'model.target_generator.checkpoint': str(tiny.write_teacher(tmp_path / 'teacher.pth')),
        'default_hooks.checkpoint.interval': 100000})
    cfg.dump(tmp_path / 'long.py')
    return checkout(tmp_path)


@pytest.fixture
def started(long_run):
    """Starts a run that comes to its steps; its output goes to out.txt. None outlives the test."""
    processes = []
    yield lambda count: processes.append(start(long_run, count)) or processes[-1]
    for process in processes:
        for pid in (*ranks(process.pid), process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def start(folder: Path, processes: int) -> subprocess.Popen:
    with (folder / 'out.txt').open('w') as out:
        process = subprocess.Popen(
            ['bash', 'tools/dist_train.sh', 'long.py', str(processes)], cwd=folder, stdout=out,
            stderr=subprocess.STDOUT, env=environment(folder), start_new_session=True)
    deadline = time.time() + 200
    while 'Epoch(train)' not in (folder / 'out.txt').read_text():
        assert process.poll() is None and time.time() < deadline, (folder / 'out.txt').read_text()
        time.sleep(0.2)
    return process


def ranks(launcher: int) -> list:
    """Process ids of the ranks that a launcher has started, in order."""
    listed = subprocess.run(['ps', '-ww', '-o', 'pid=,args=', '--ppid', str(launcher)], text=True,
                            stdout=subprocess.PIPE).stdout.splitlines()
    return sorted(int(line.split()[0]) for line in listed if '--launcher pytorch' in line)


def are_gone(pids: list) -> bool:
    return not any(Path('/proc', str(pid)).exists() for pid in pids)


@pytest.mark.parametrize('processes', [1, 2])
def test_interrupt__ends_in_one_line(long_run, started, processes):
    process = started(processes)
    theirs = ranks(process.pid)
    assert len(theirs) == (0 if processes == 1 else 2)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 128 + signal.SIGINT
    text = (long_run / 'out.txt').read_text()
    assert text.strip().splitlines()[-1].startswith('Interrupted. --resume goes on')
    assert text.count('Interrupted') == 1 and 'Traceback' not in text
    assert are_gone(theirs)


def test_killed_rank__is_named(long_run, started):
    process = started(2)
    theirs = ranks(process.pid)
    assert len(theirs) == 2
    os.kill(theirs[1], signal.SIGKILL)
    assert process.wait(timeout=120) == 1
    last = (long_run / 'out.txt').read_text().strip().splitlines()[-1]
    assert last.startswith('error: The process of rank 1 was killed (SIGKILL), as happens where')
    assert are_gone(theirs)
