"""Several processes on this machine, one for each GPU, by torch's own launcher."""

import json
import logging
import os
import signal
import socket
import sys
from typing import Optional, Sequence, Tuple

from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from ..errors import ConfigError
from .ending import INTERRUPTED
from .meeting import WAIT, meeting

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

    Args:
        gpus: processes on this machine.
        script: the program.
        arguments: its arguments; it finds its rank in the environment.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    os.environ.setdefault('OMP_NUM_THREADS', str(max(cores // gpus, 1)))
    wait = number(WAIT, 600, least=1)
    args = torchrun.parse_args([*rendezvous(gpus), f'--rdzv-conf=timeout={wait}', script,
                                *arguments])
    logging.disable(logging.CRITICAL)  # of the launcher: what matters is told below
    try:
        with meeting(args.master_addr, args.master_port, machines(), wait):
            torchrun.run(args)
    except ChildFailedError as error:
        text, code = told(*first_failure(error))
        print(text, file=sys.stderr, flush=True)
        raise SystemExit(code) from None
    except (KeyboardInterrupt, SignalException) as error:
        print(f'\n{INTERRUPTED}', file=sys.stderr, flush=True)
        raise SystemExit(128 + getattr(error, 'sigval', signal.SIGINT)) from None


def rendezvous(gpus: int) -> Tuple[str, ...]:
    """torchrun's options for this machine."""
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
    return (f'--nnodes={nodes}', f'--node-rank={rank}', f'--nproc-per-node={gpus}',
            f'--master-addr={address or "127.0.0.1"}', f'--master-port={port}')


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


def first_failure(error: ChildFailedError) -> Tuple[int, ProcessFailure]:
    """The rank that tells: the lowest one with a message; else one that was killed, for the others
    only met its end; else the lowest that has left its traceback; else the first that ended."""
    ranks = sorted(error.failures.items())
    for tells in (lambda one: report(one).get('message'),
                  lambda one: one.exitcode < 0 and one.exitcode != -signal.SIGTERM, report):
        found = [(rank, failure) for rank, failure in ranks if tells(failure)]
        if found:
            return found[0]
    return error.get_first_failure()


def report(failure: ProcessFailure) -> dict:
    """What ``ending.leave_to_launcher`` has written; empty, if it did not come to that."""
    try:
        found = json.loads(failure.message)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def told(rank: int, failure: ProcessFailure) -> Tuple[str, int]:
    """What is to be read of a process that has ended badly, and the exit code."""
    found = report(failure)
    if found.get('message'):
        return f'error: {found["message"]}', 1
    if found:
        return f'{found["trace"]}(of rank {rank}; the other processes were ended)', 1
    if failure.exitcode == -signal.SIGKILL:
        return (f'error: The process of rank {rank} was killed (SIGKILL), as happens where a '
                'machine runs out of memory: take fewer --workers, or a smaller --batch-size.', 1)
    what = failure.signal_name() if failure.exitcode < 0 else f'exit code {failure.exitcode}'
    return (f'error: The process of rank {rank} ended with {what}; its own lines above say why, '
            'if anything does.', 1)
