"""The main command as a launcher starts it: a process on each of two GPUs, or one on one."""

import math
import subprocess
from typing import Iterator, List

import torch

from ..logged import logged_steps
from ..rows import Row, Setting, judged
from .main_command import ASIDE, ending, main_command


def run(setting: Setting) -> Iterator[Row]:
    """Two epochs over NCCL, wrapped and with BN over all ranks; a rehearsal goes over gloo."""
    ranks = 2 if setting.rehearsal else min(2, torch.cuda.device_count())
    work_dir = setting.folder / 'launched'
    done = subprocess.run([*launched(main_command(setting), ranks), f'--work-dir={work_dir}',
                           '--epochs=2'], **ASIDE)
    backend = 'gloo, on the CPU' if setting.rehearsal else 'NCCL'
    yield judged(f'2 epochs over {backend}', done.returncode == 0, ending(done))
    if done.returncode:
        return
    told = next(line.split('- ')[-1].strip() for line in done.stdout.splitlines()
                if 'effective batch' in line)
    yield judged('ranks', f'= {ranks} rank' in told, told)
    losses = [step['loss'] for step in logged_steps(work_dir)]
    yield judged('losses', bool(losses) and all(map(math.isfinite, losses)),
                 f'{losses[0]:.3f} at first, {losses[-1]:.3f} at last', losses=losses)


def launched(command: List[str], ranks: int) -> List[str]:
    """The command under its own launcher; torchrun for one rank, which it would not launch."""
    if ranks > 1:
        return [*command, f'--gpus={ranks}']
    python, tool = command[:3], command[3:]
    return [*python, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=1', *tool,
            '--launcher=pytorch']
