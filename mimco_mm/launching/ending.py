"""How a process ends that meets an error: by a message, from one process alone."""

import json
import logging
import os
import re
import signal
import sys
import time
import traceback
from contextlib import contextmanager
from typing import Iterator, Optional

import torch
from mmengine.logging import MMLogger

from ..checkpoints.writing import MENDS
from ..errors import UserError

# Where torch's launcher wants to read why one of its processes has ended.
ERROR_FILE = 'TORCHELASTIC_ERROR_FILE'
# If this is set, an error that the user can mend comes with its traceback.
TRACEBACK = 'MIMCO_TRACEBACK'
# What torch says in whatever the main process is at when a data worker is gone.
WORKER_GONE = re.compile(r'DataLoader worker \(pid.*\) (is killed by signal|exited unexpectedly)')
# Seconds that other ranks give rank 0 to tell first what all of them have met.
GRACE = 3.
INTERRUPTED = 'Interrupted. --resume goes on from the last checkpoint, if there is one.'


@contextmanager
def errors_told() -> Iterator[None]:
    """End the process with exit code 1 and, where the user can mend it, the message alone.

    Started by ``processes.launch``, a process leaves message or traceback to it.
    """
    logging.raiseExceptions = False  # a full disk is told once, not by a traceback a line
    try:
        yield
    except KeyboardInterrupt:
        if ERROR_FILE not in os.environ:
            print(f'\n{INTERRUPTED}', file=sys.stderr)
        end(128 + signal.SIGINT)
    except Exception as error:
        message = None if os.environ.get(TRACEBACK) else message_of(error)
        log(message or traceback.format_exc())
        if ERROR_FILE in os.environ:
            leave_to_launcher(message, traceback.format_exc())
        if message is None:
            raise
        sys.stdout.flush()
        if int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', 0))):
            time.sleep(GRACE)  # rank 0 meets the same, and srun ends the others when it has told
        if not torch.distributed.is_initialized():
            raise SystemExit(f'error: {message}') from None
        print(f'error: {message}', file=sys.stderr, flush=True)
        end(1)


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
    seen = error
    while seen is not None:
        if isinstance(seen, UserError):
            return without_workers_traceback(seen)
        if isinstance(seen, RuntimeError) and WORKER_GONE.search(str(seen)):
            return ('A data worker was killed, as happens where a machine runs out of memory: take '
                    f'fewer --workers, or a smaller --batch-size. ({str(seen).splitlines()[0]})')
        seen = seen.__cause__ or seen.__context__
    return None


def without_workers_traceback(error: UserError) -> str:
    """The message of an error that may come from a data worker, with its traceback in the text."""
    text = str(error)
    if 'Original Traceback' in text:
        text = text.rpartition(f'{type(error).__name__}: ')[2]
    return text.strip()


def log(text: str) -> None:
    """Write an error into the run's log file, if there is one; the screen gets it elsewhere."""
    if not MMLogger._instance_dict:
        return
    logger = MMLogger.get_current_instance()
    record = logger.makeRecord(logger.name, logging.ERROR, __file__, 0, text, (), None)
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handle(record)


def leave_to_launcher(message: Optional[str], trace: str) -> None:
    """End the process; the launcher tells why."""
    with open(os.environ[ERROR_FILE], 'w') as file:
        json.dump(dict(message=json.dumps(dict(message=message, trace=trace)),
                       timestamp=str(int(time.time()))), file)
    if int(os.environ.get('RANK', 0)):
        time.sleep(GRACE)
    end(1)


def end(code: int) -> None:
    """End the process at once: other ranks may wait for it, and threads for them."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
