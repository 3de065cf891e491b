"""Running the steps of a suite: each once, its output kept, what became of it recorded."""

import os
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Optional, Sequence

from ..processes import end_with_parent
from ..records import RecordError, stored_record, write_json
from .plan import Step

RECORD = 'record.json'
MEND = 'Choose another --work-dir, or remove that folder.'
NOT_ENDED = 'not ended'  # running still, or killed
FINISHED = 'finished'


def check(steps: Sequence[Step], work_dir: Path) -> None:
    """Refuse to go on with, or to report, what is of another checkpoint, data or options.

    Raises:
        RecordError: one or more folders hold something else; nothing was run.
    """
    told = []
    for step in steps:
        try:
            _stored(step, work_dir)
        except RecordError as error:
            told.append(str(error))
    if told:
        raise RecordError('\n'.join(told))


def _stored(step: Step, work_dir: Path) -> Optional[dict]:
    file = work_dir / step.name / RECORD
    return None if step.problem else stored_record(file, step.identity, MEND)


def run_step(step: Step, work_dir: Path, node: int = 0) -> str:
    """Run a step unless it is finished; returns what became of it.

    Args:
        step: ``check`` has seen it.
        work_dir: folder of all results.
        node: this machine's number; the first one keeps the record.
    """
    if step.problem:
        return step.problem
    folder = work_dir / step.name
    if (_stored(step, work_dir) or {}).get('state') == FINISHED:
        return 'finished before'
    if node:  # the folder, in which the record comes first, is not its own
        work_dir.mkdir(parents=True, exist_ok=True)
        log = work_dir / f'{step.name}_node-{node}.log'
    else:
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / 'output.log'
    record = dict(state=NOT_ENDED, log=str(log), identity=step.identity, command=step.command)
    if not node:
        write_json(folder / RECORD, record)
    print(f'\n{step.name}: {shlex.join(step.command)}', flush=True)
    code = run_logged(step.command, log)
    record['state'] = f'failed with exit status {code}' if code else FINISHED
    if not node:
        write_json(folder / RECORD, record)
    return record['state'] + (f', see {log}' if code else '')


def run_logged(command: Sequence[str], log: Path) -> int:
    """Run a command, its output here and at the end of a file; returns its exit status.

    When this process is ended, the command gets a SIGTERM: a training then saves. After Ctrl-C the
    command ends first, and what it says of its end is kept.
    """
    environment = dict(os.environ, PYTHONUNBUFFERED='1')  # lines come when they are printed
    with open(log, 'ab', buffering=0) as file, subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent(signal.SIGTERM)) as process, ThreadPoolExecutor(1) as pool:
        file.write(f'$ {shlex.join(command)}\n'.encode(errors='surrogateescape'))
        relayed = pool.submit(relay, process.stdout, file)  # in a thread no signal interrupts it
        try:
            relayed.result()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)  # which a terminal has sent it already
            relayed.result()
            process.wait()
            raise
    return process.returncode


def relay(source: BinaryIO, log: BinaryIO) -> None:
    """Copy what a command prints, until it ends."""
    for block in iter(lambda: source.read1(1 << 16), b''):
        sys.stdout.buffer.write(block)
        sys.stdout.flush()
        log.write(block)
