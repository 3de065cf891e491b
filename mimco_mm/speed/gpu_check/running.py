"""The parts one after the other, each in its own process, and what they tell as they tell it."""

import json
import multiprocessing
import os
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence

from ...names import printable
from .child import DONE, run_child
from .rows import Row, Setting


class Part(NamedTuple):
    """A part of the check.

    Attributes:
        module: of ``parts``; its ``run(setting)`` yields rows.
        title: what it is about.
        seconds: that it may take, at most.
    """

    module: str
    title: str
    seconds: int


# The most at risk first
PARTS = (
    Part('attention', 'Attention against float32 products, and its kernels', 50),
    Part('main_command', 'The main command, and --resume', 120),
    Part('parity', 'A float32 step of the host and of the device', 60),
    Part('waits', 'Waits of the host for the device', 60),
    Part('step_times', 'Steps a second beside stock SimMIM', 200),
    Part('decoding', 'JPEGs decoded on the device', 40),
    Part('watches', 'Precisions, NaN, k-NN and health', 75),
    Part('processes', 'Processes over NCCL', 75),
)


def check(setting: Setting, numbers: Iterable[int], seconds: float, out: Path,
          told: Callable[[str, Row], None], parts: Sequence[Part] = PARTS) -> Dict[str, Any]:
    """Run parts; the file is whole after every row.

    Args:
        numbers: of the parts, from 1.
        seconds: for all of them; what does not begin in time is skipped.
        out: a JSON file.
        told: hears of each row when it is there, with its part's title.
        parts: that are numbered.

    Returns:
        What the file has.
    """
    found: Dict[str, Any] = dict(machine=machine(setting), parts=[])
    deadline = time.monotonic() + seconds
    for number in numbers:
        part = parts[number - 1]
        title, started = f'{number}. {part.title}', time.monotonic()
        record: Dict[str, Any] = dict(number=number, title=part.title, seconds=0., rows=[])
        found['parts'].append(record)
        for row in rows_of(part, setting, min(limit(part, setting), deadline - started)):
            record['rows'].append(row.as_dict())
            record['seconds'] = round(time.monotonic() - started, 1)
            write(found, out)
            told(title, row)
        record['seconds'] = round(time.monotonic() - started, 1)
        if any(row['outcome'] == 'fail' for row in record['rows']):
            record['log'] = last_lines(log_of(part, setting), 60)
        write(found, out)
    return found


def limit(part: Part, setting: Setting) -> int:
    """Seconds of a part: a CPU that others use as well needs more, for less."""
    return part.seconds * (8 if setting.rehearsal else 1)


def rows_of(part: Part, setting: Setting, seconds: float) -> Iterator[Row]:
    """The rows of a part; one of its end, where it did not come to it."""
    if seconds <= 0:
        yield Row('all of it', 'skipped', 'no time was left')
        return
    # CUDA wants processes that were not forked; a rehearsal begins at once where they are
    context = multiprocessing.get_context('fork' if setting.rehearsal else 'spawn')
    log = log_of(part, setting)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=run_child, args=(part.module, setting, sender, str(log)))
    process.start()
    sender.close()
    deadline = time.monotonic() + seconds
    try:
        while receiver.poll(max(0., deadline - time.monotonic())):
            message = receiver.recv()
            if message == DONE:
                return
            yield message
        ended = f'stopped after its {seconds:.0f} s'
    except EOFError:
        process.join(5)
        ended = f'its process ended with code {process.exitcode}'
    finally:
        stop(process)
    said = ' '.join(last_lines(log, 1))[:200] or 'nothing was printed'
    yield Row('the part itself', 'fail', f'{ended}; last: {said}')


def stop(process: multiprocessing.Process) -> None:
    """End a child and all that it started."""
    process.join(0.5)
    for number in (15, 9):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:  # all of it has ended, or it has no group yet
            process.kill()
            break
        process.join(5)
    process.join()


def log_of(part: Part, setting: Setting) -> Path:
    """What a part prints."""
    return setting.folder / f'{part.module}.log'


def last_lines(log: Path, count: int) -> List[str]:
    lines = log.read_text(errors='replace').split('\n') if log.is_file() else []
    return [printable(line) for line in lines if line.strip()][-count:]


def write(found: Dict[str, Any], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f'{out.name}.part')
    part.write_text(json.dumps(found, indent=1) + '\n')
    part.replace(out)


def machine(setting: Setting) -> Dict[str, Any]:
    """What the figures are of; this process has no CUDA of its own."""
    packages = {name: version(name) for name in ('torch', 'torchvision')}
    return dict(device=setting.device, gpus=gpus() or [], cpus=os.cpu_count(), **packages,
                batch_size=setting.batch_size, day=time.strftime('%Y-%m-%d'))


def gpus() -> Optional[List[str]]:
    """NVIDIA's GPUs, as 'name, driver, memory'; None where there is no driver."""
    query = ['nvidia-smi', '--query-gpu=name,driver_version,memory.total', '--format=csv,noheader']
    try:
        done = subprocess.run(query, text=True, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().splitlines() if done.returncode == 0 else None
