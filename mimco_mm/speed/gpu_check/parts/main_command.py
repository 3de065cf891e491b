"""The main command as a user types it: two epochs on made JPEGs, then --resume for a third."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List

from ....names import printable
from ....options import CONFIGS
from ...simulation import simulate
from ..logged import logged_steps
from ..made_files import jpegs, teacher
from ..rows import Row, Setting, figure, judged, skipped
from ..sizes import config_for

GIB = 2**30
TRAIN = CONFIGS.parent / 'tools' / 'train.py'
NAME = 'mimco_swin-t'


def run(setting: Setting) -> Iterator[Row]:
    """Exit codes, losses, device and checkpoints of both runs, and memory beside the prediction."""
    command, work_dir = main_command(setting), setting.folder / 'main'
    first = subprocess.run([*command, f'--work-dir={work_dir}', '--epochs=2'], **ASIDE)
    yield judged('2 epochs', first.returncode == 0, ending(first))
    if first.returncode:
        return
    steps = logged_steps(work_dir)
    losses = [step['loss'] for step in steps]
    yield judged('losses', bool(losses) and all(map(math.isfinite, losses)),
                 f'{losses[0]:.3f} at first, {losses[-1]:.3f} at last', losses=losses)
    yield memory(setting, steps)
    files = [work_dir / 'epoch_2.pth', work_dir / 'backbone_epoch_2.pth']
    yield judged('checkpoints', all(map(Path.is_file, files)), ', '.join(
        f'{file.name} {file.stat().st_size / 2**20:.0f} MiB' for file in files if file.is_file()))
    again = subprocess.run([*command, f'--work-dir={work_dir}', '--epochs=3', '--resume'], **ASIDE)
    after = logged_steps(work_dir)[len(steps):]
    went_on = bool(after) and after[0]['step'] == steps[-1]['step'] + 1
    yield judged('--resume', again.returncode == 0 and went_on,
                 f'{ending(again)}; {len(after)} steps after the {len(steps)} first')
    times = [step['time'] for step in steps[1:]]
    yield figure('steps of the run', f'{1000 * min(times):.0f} ms at best, waiting for images '
                 f'{1000 * min(step["data_time"] for step in steps[1:]):.0f} ms of it', times=times)


ASIDE = dict(text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def main_command(setting: Setting) -> List[str]:
    """tools/train.py with what a run needs: the shipped config, or a small copy of it."""
    config = NAME
    if setting.rehearsal:
        config = str(setting.folder / 'small.py')
        config_for(setting, NAME).dump(config)
    jpegs(setting.folder / 'images', 2 * setting.batch_size)
    workers = 0 if setting.rehearsal else min(8, os.cpu_count() or 1)
    return [sys.executable, '-W', 'ignore', str(TRAIN), config,
            f'--data={setting.folder / "images"}', f'--teacher={teacher(setting)}',
            f'--batch-size={setting.batch_size}', f'--workers={workers}',
            '--cfg-options', 'default_hooks.logger.interval=1']


def ending(done: subprocess.CompletedProcess) -> str:
    lines = [line for line in done.stdout.splitlines() if line.strip()] or ['']
    errors = [line for line in lines if 'error' in line.lower()]
    said = '' if done.returncode == 0 else f': {printable((errors or lines)[-1])[:200]}'
    return f'exit code {done.returncode}{said}'


def memory(setting: Setting, steps: List[Dict[str, float]]) -> Row:
    """The peak that CUDA's allocator has seen, beside what was predicted."""
    if setting.rehearsal:
        return skipped('memory on the device', "a CPU's is not counted")
    peak = max(step.get('memory', 0) for step in steps) * 2**20  # the logger has MiB
    predicted = simulate(config_for(setting, NAME), setting.batch_size).peak
    return judged('memory on the device', 0 < peak < 1.2 * predicted,
                  f'{peak / GIB:.1f} GiB at most, predicted {predicted / GIB:.1f}',
                  peak=peak, predicted=predicted)
