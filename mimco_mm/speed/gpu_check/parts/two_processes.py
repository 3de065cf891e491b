"""The main command with a process on each of two GPUs."""

import math
import subprocess
from typing import Iterator

import torch

from ..logged import logged_steps
from ..rows import Row, Setting, judged, skipped
from .main_command import ASIDE, ending, main_command


def run(setting: Setting) -> Iterator[Row]:
    """Two epochs over NCCL; a rehearsal goes over gloo."""
    if not setting.rehearsal and torch.cuda.device_count() < 2:
        yield skipped('two processes', 'there is one GPU')
        return
    work_dir = setting.folder / 'two'
    done = subprocess.run([*main_command(setting), f'--work-dir={work_dir}', '--epochs=2',
                           '--gpus=2'], **ASIDE)
    backend = 'gloo, on the CPU' if setting.rehearsal else 'NCCL'
    yield judged(f'2 epochs over {backend}', done.returncode == 0, ending(done))
    if done.returncode:
        return
    yield judged('ranks', 'ranks x' in done.stdout and '= 2 ranks' in done.stdout,
                 next(line.split('- ')[-1].strip() for line in done.stdout.splitlines()
                      if 'effective batch' in line))
    losses = [step['loss'] for step in logged_steps(work_dir)]
    yield judged('losses', bool(losses) and all(map(math.isfinite, losses)),
                 f'{losses[0]:.3f} at first, {losses[-1]:.3f} at last', losses=losses)
