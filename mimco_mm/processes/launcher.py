"""Several processes on this machine, one for each GPU."""

import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from ..errors import ConfigError
from .meeting import WAIT, meeting
from .ranks import Ended, Ranks
from .signals import END_NOW, SIGNALS, listener

# Of torch's own log: its warnings that a store is gone come with stack traces, when the rank that
# kept it has ended for a reason that is told.
TORCH_LOG = 'TORCH_CPP_LOG_LEVEL'
PORT = 29500  # torch's, where several machines must agree on one


def needs_launcher(gpus: Optional[int]) -> bool:
    """Whether a command is to start processes, not to work by itself.

    Raises:
        ConfigError: fewer than one, or several machines without a number for each.
    """
    if gpus is not None and gpus < 1:
        raise ConfigError(f'--gpus must be from 1 up, got {gpus}.')
    if gpus is None and machines() > 1:
        raise ConfigError(f'NNODES={machines()} needs --gpus N, the processes on each machine; for '
                          'this machine alone: unset NNODES.')
    return gpus is not None and (gpus > 1 or machines() > 1)


def machines() -> int:
    """Number of machines, from NNODES."""
    return number('NNODES', 1, least=1)


def launch(gpus: int, script: str, arguments: Sequence[str]) -> None:
    """Run a Python program in ``gpus`` processes, and end as they do.

    Several machines: NNODES, NODE_RANK, MASTER_ADDR, PORT and MEETING_TIMEOUT in the environment
    (see tools/dist_train.sh --help). Unless OMP_NUM_THREADS is set, the processes share the cores.
    torchrun does the same but for signals: it knows no SIGUSR1, kills its processes 30 s after any,
    and leaves them behind when it is killed itself.

    Args:
        gpus: processes on this machine.
        script: the program.
        arguments: its arguments; it finds its rank in the environment.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    os.environ.setdefault('OMP_NUM_THREADS', str(max(cores // gpus, 1)))
    os.environ.setdefault(TORCH_LOG, 'ERROR')
    variables = environments(gpus)
    wait = number(WAIT, 600, least=1)
    with tempfile.TemporaryDirectory() as folder, meeting(
            variables[0]['MASTER_ADDR'], int(variables[0]['MASTER_PORT']), machines(),
            number('NODE_RANK', 0), wait) as met:
        command = [sys.executable, '-u', script, *arguments]
        ranks = Ranks(command, [{**one, **met} for one in variables], Path(folder))
        ended = ranks.wait()
    failed = [one for one in ended if one.code]
    if failed:
        text, code = told(first_failure(failed))
        print(text, file=sys.stderr, flush=True)
        raise SystemExit(code)


def environments(gpus: int) -> List[Dict[str, str]]:
    """The variables by which the ranks of this machine find each other (torch's ``env://``)."""
    if gpus < 1:
        raise ConfigError(f'The number of GPUs must be from 1 up, got {gpus}.')
    nodes, rank = machines(), number('NODE_RANK', 0)
    address = os.environ.get('MASTER_ADDR')
    if nodes > 1 and not address:
        raise ConfigError(f'NNODES={nodes} needs MASTER_ADDR, the address of the machine with '
                          'NODE_RANK=0.')
    if rank >= nodes:
        raise ConfigError(f'NODE_RANK must be from 0 to {nodes - 1}, as NNODES={nodes}, got '
                          f'{rank}.')
    port = number('PORT', free_port() if nodes == 1 else PORT, least=1, most=65535)
    shared = dict(WORLD_SIZE=nodes * gpus, LOCAL_WORLD_SIZE=gpus,
                  MASTER_ADDR=address or '127.0.0.1', MASTER_PORT=port)
    return [{key: str(value) for key, value in
             dict(shared, RANK=rank * gpus + local, LOCAL_RANK=local).items()}
            for local in range(gpus)]


def number(name: str, default: int, least: int = 0, most: Optional[int] = None) -> int:
    """A whole number in the environment."""
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not least <= int(text) <= (most or int(text)):
        span = f'from {least} up' if most is None else f'from {least} to {most}'
        raise ConfigError(f'{name} must be a whole number {span}, got {text!r}.')
    return int(text)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(('', 0))
        return one.getsockname()[1]


def first_failure(failed: Sequence[Ended]) -> Ended:
    """The rank that tells: the lowest one with a message; else one that was killed, for the others
    only met its end; else the lowest that has left its traceback; else the first that was not told
    to end by its launcher."""
    own = [one for one in failed if one.code not in (-END_NOW, 128 + END_NOW)] or failed
    for tells in (lambda one: one.message, lambda one: one.code < 0, lambda one: one.report):
        found = [one for one in own if tells(one)]
        if found:
            return found[0]
    return own[0]


def told(failure: Ended) -> Tuple[str, int]:
    """What is to be read of a process that has ended badly, and the exit code."""
    rank, code, report = failure
    if report and report['code'] != 1:  # a signal
        return f'\n{report["message"]}', report['code']
    if failure.message:
        return f'error: {failure.message}', 1
    if report:
        return f'{report["trace"]}(of rank {rank}; the other processes were ended)', 1
    ended_by = -code if code < 0 else code - 128
    if ended_by in SIGNALS:  # before it could listen
        return f'\n{listener.at_once(ended_by)}', 128 + ended_by
    if code == -signal.SIGKILL:
        return (f'error: The process of rank {rank} was killed (SIGKILL), as happens where a '
                'machine runs out of memory: take fewer --workers, or a smaller --batch-size.', 1)
    what = signal.Signals(-code).name if code < 0 else f'exit code {code}'
    return (f'error: The process of rank {rank} ended with {what}; its own lines above say why, '
            'if anything does.', 1)
