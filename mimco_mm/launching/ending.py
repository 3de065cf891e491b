"""How a process ends that meets an error or a signal: by a message, from one process alone."""

import logging
import os
import re
import signal
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Optional

import torch

from ..checkpoints.writing import MENDS
from ..errors import UserError, without_workers_traceback
from ..processes.process_end import (
    end,
    is_launched,
    leave_to_launcher,
    log,
    wait_for_rank_0,
)
from ..processes.signals import end_interrupted, listener

# If this is set, an error that the user can mend comes with its traceback.
TRACEBACK = 'MIMCO_TRACEBACK'
# What torch says in whatever the main process is at when a data worker is gone.
WORKER_GONE = re.compile(r'DataLoader worker \(pid.*\) (is killed by signal|exited unexpectedly)')


@contextmanager
def errors_told(goes_on: str = '') -> Iterator[None]:
    """End the process with exit code 1 and, where the user can mend it, the message alone.

    A signal ends it with 128 + its number, and one line. Started by ``processes.launch``, a
    process leaves message or traceback to it.

    Args:
        goes_on: what the line on a signal ends with: how the work goes on, if it does.
    """
    logging.raiseExceptions = False  # a full disk is told once, not by a traceback a line
    try:
        with listener.listening(ends_process=True, goes_on=goes_on):
            yield
    except (KeyboardInterrupt, Exception) as error:
        for each in chain(error):  # a bare `except` may have made it another error: mmengine's has
            if isinstance(each, KeyboardInterrupt):
                number = getattr(each, 'number', signal.SIGINT)
                end_interrupted(str(each) or listener.at_once(number), number)
        message = None if os.environ.get(TRACEBACK) else message_of(error)
        log(message or traceback.format_exc())
        leave_to_launcher(message, traceback.format_exc())
        if is_launched():
            wait_for_rank_0()
            end(1)
        if message is None:
            raise
        sys.stdout.flush()
        wait_for_rank_0()
        if not torch.distributed.is_initialized():
            raise SystemExit(f'error: {message}') from None
        print(f'error: {message}', file=sys.stderr, flush=True)
        end(1)


def chain(error: BaseException) -> List[BaseException]:
    """An error and what it came from, the first one last."""
    found = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def message_of(error: BaseException) -> Optional[str]:
    """What the user is to read of an error, its causes included; None if it is none of the user's.

    The libraries in between wrap errors: mmengine what a config builds, torch what a data worker
    meets.
    """
    if isinstance(error, torch.OutOfMemoryError):
        return (f'{str(error).splitlines()[0]} Take fewer images at a time, with as many in a '
                'step: --batch-size and --accumulate.')
    if isinstance(error, OSError) and error.errno in MENDS:  # of a log, say
        mend = MENDS[error.errno].format(size='some space')
        return (f'{error.filename or "A file of the run"} cannot be written ({error.strerror}): '
                f'{mend}. Then --resume goes on from the last checkpoint.')
    if isinstance(error, FileNotFoundError) and error.filename:
        folder = Path(os.fsdecode(error.filename)).parent
        if not folder.exists():
            return (f'{folder}, where {os.path.basename(os.fsdecode(error.filename))} lies or '
                    'should, is not there: was it deleted, or its disk unmounted? Bring it back, '
                    'or choose another --work-dir.')
    for seen in chain(error):
        if isinstance(seen, UserError):
            return without_workers_traceback(seen)
        if isinstance(seen, RuntimeError) and WORKER_GONE.search(str(seen)):
            return ('A data worker was killed, as happens where a machine runs out of memory: take '
                    f'fewer --workers, or a smaller --batch-size. ({str(seen).splitlines()[0]})')
    return None
