"""Runs that get a signal, are killed or stand still say so, leave nobody behind and go on later."""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import List

import pytest
import torch

from mimco_mm.checkpoints import read_checkpoint
from tests import tiny

from .support import checkout, environment, listen, run

ITERATIONS = 24


class Started:
    """A run that has been started in a folder; its output is in ``out.txt``."""

    def __init__(self, folder: Path, processes: int, options: str = '') -> None:
        self.file = folder / 'out.txt'
        command = f'tools/dist_train.sh tiny.py {processes} {options}'
        with self.file.open('w') as out:
            self.process = subprocess.Popen(
                ['bash', *command.split()], cwd=folder, stdout=out, stderr=subprocess.STDOUT,
                env=environment(folder), start_new_session=True,
                preexec_fn=listen)
        self.pid = self.process.pid

    @property
    def text(self) -> str:
        return self.file.read_text()

    @property
    def last(self) -> str:
        return self.text.strip().splitlines()[-1]

    def come_to(self, line: str) -> 'Started':
        deadline = time.time() + 300
        while not re.search(line, self.text):
            assert self.process.poll() is None and time.time() < deadline, self.text
            time.sleep(0.05)
        return self

    def stand_still(self, seconds: float = 4) -> None:
        """Wait until no step has been logged for some time."""
        seen, since = '', time.time()
        while time.time() < since + seconds:
            if self.text != seen:
                seen, since = self.text, time.time()
            time.sleep(0.1)

    def children(self) -> List[int]:
        """Process ids of the ranks, in order, or of one process's data workers."""
        listed = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(self.pid)], text=True,
                                stdout=subprocess.PIPE).stdout
        return sorted(map(int, listed.split()))


@pytest.fixture
def start(tmp_path):
    """Starts runs of a tiny config; none outlives the test."""
    data = tiny.write_images(tmp_path / 'images', 4 * ITERATIONS)
    teacher = tiny.write_teacher(tmp_path / 'teacher.pth')
    checkout(tmp_path)
    started = []

    def one(processes: int, options: str = '', epochs: int = 100000) -> Started:
        cfg = tiny.config('mimco_swin-t', tmp_path / 'run', data, batch_size=4 // processes,
                          epochs=epochs, **{'model.target_generator.checkpoint': str(teacher),
                                           'default_hooks.checkpoint.interval': 100000})
        cfg.dump(tmp_path / 'tiny.py')
        started.append(Started(tmp_path, processes, options))
        return started[-1]

    yield one
    for run_ in started:
        for pid in (*run_.children(), run_.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def all_gone(pids: list, seconds: float) -> bool:
    deadline = time.time() + seconds
    while time.time() < deadline:
        if not any(Path('/proc', str(pid)).exists() for pid in pids):
            return True
        time.sleep(0.1)
    return False


def test_signal_to_one_of_two_ranks__saves_what_goes_on_bit_for_bit(start, tmp_path):
    assert start(2, '--work-dir unbroken', epochs=3).process.wait(timeout=300) == 0

    stopped = start(2, epochs=3).come_to(r'Epoch\(train\) *\[2\]\[ *3/')
    ranks = stopped.children()
    assert len(ranks) == 2
    os.kill(ranks[1], signal.SIGUSR1)
    assert stopped.process.wait(timeout=120) == 128 + signal.SIGUSR1
    iteration = int(re.match(r'Interrupted by SIGUSR1 after iteration (\d+) \(epoch 2\); saved: '
                             rf'{tmp_path}/run/iter_\1.pth\. The same command with --resume',
                             stopped.last)[1])
    assert ITERATIONS < iteration < 2 * ITERATIONS, 'not in the middle of the epoch'
    assert stopped.text.count('Interrupted') == 1 and 'Traceback' not in stopped.text
    assert all_gone(ranks, 1)

    assert start(2, '--resume', epochs=3).process.wait(timeout=300) == 0
    one, other = (read_checkpoint(tmp_path / folder / 'epoch_3.pth')['state_dict']
                  for folder in ('unbroken', 'run'))
    assert one.keys() == other.keys()
    assert [key for key in one if not torch.equal(one[key], other[key])] == []
    assert not list((tmp_path / 'run').glob('iter_*')) + list((tmp_path / 'run').glob('*.lock*'))


def test_interrupt__by_a_terminal_is_told_in_one_line(start, tmp_path):
    started = start(1, '--workers 1').come_to(r'Epoch\(train\)')
    os.killpg(started.pid, signal.SIGINT)  # its data worker gets it as well
    assert started.process.wait(timeout=60) == 128 + signal.SIGINT
    assert re.match(rf'Interrupted by SIGINT after .*; saved: {tmp_path}/run/iter_\d+.pth',
                    started.last)
    assert started.text.count('Interrupted') == 1 and 'Traceback' not in started.text


def test_second_signal__ends_at_once(start, tmp_path):
    started = start(1, '--workers 1').come_to(r'Epoch\(train\)')
    worker, = started.children()
    os.kill(worker, signal.SIGSTOP)
    started.stand_still()  # its batches are used up, so that the next step never comes
    os.kill(started.pid, signal.SIGTERM)
    started.come_to('SIGTERM: ending in order')
    time.sleep(2.5)
    assert started.process.poll() is None
    os.kill(started.pid, signal.SIGTERM)
    assert started.process.wait(timeout=15) == 128 + signal.SIGTERM
    assert started.last.startswith('Interrupted by SIGTERM. --resume goes on from the last')
    assert all_gone([worker], 10)
    assert not list((tmp_path / 'run').glob('*.lock')) + list((tmp_path / 'run').glob('iter_*'))


def test_killed_rank__is_named(start):
    started = start(2).come_to(r'Epoch\(train\)')
    ranks = started.children()
    assert len(ranks) == 2
    os.kill(ranks[1], signal.SIGKILL)
    assert started.process.wait(timeout=120) == 1
    assert started.last.startswith('error: The process of rank 1 was killed (SIGKILL), as happens')
    assert all_gone(ranks, 1)


def test_one_run_in_a_folder__and_none_that_stands_still(start, tmp_path):
    started = start(2, '--cfg-options train_dataloader.num_workers=1').come_to(r'Epoch\(train\)')
    ranks = started.children()
    second = run('tools/dist_train.sh tiny.py 2 --resume', tmp_path)
    assert second.code == 1
    assert re.match(rf'error: Another run is at work in {tmp_path}/run: process {ranks[0]} on ',
                    second.last)

    started.process.kill()
    assert all_gone(ranks, 3), 'ranks train on without their launcher'
    assert (tmp_path / 'run/running.lock').exists()

    third = start(2, '--resume --timeout 0.25').come_to(r'Epoch\(train\)')
    assert f'has died (process {ranks[0]} on ' in third.text
    ranks = third.children()
    os.kill(ranks[1], signal.SIGSTOP)
    assert third.process.wait(timeout=120) == 1
    assert re.match(r'error: Rank 1.* has not finished step \d+ for 1\d s: it gives no '
                    r'sign of life .*--timeout MINUTES', third.last)
    assert all_gone(ranks, 1) and not (tmp_path / 'run/running.lock').exists()
