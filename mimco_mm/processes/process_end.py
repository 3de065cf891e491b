"""How a process ends: what it leaves to its launcher, its last acts, its exit code."""

import json
import logging
import multiprocessing
import os
import sys
import time
from typing import Callable, List, NoReturn, Optional

from mmengine.logging import MMLogger

# Set by a launcher of processes, which speaks for them: where it wants to read why one has ended.
# The name and the form are torch's.
ERROR_FILE = 'TORCHELASTIC_ERROR_FILE'
# Seconds that other ranks give rank 0 to tell first what all of them have met.
GRACE = 3.
last_acts: List[Callable[[], None]] = []  # done however the process ends, but by SIGKILL


def is_launched() -> bool:
    return ERROR_FILE in os.environ


def rank_here() -> int:
    """The rank of this process, known before the ranks have met; see ``check_launcher``."""
    return int(os.environ.get('RANK', 0))


def wait_for_rank_0() -> None:
    """It has met the same, and the others are ended when it has told."""
    if rank_here():
        time.sleep(GRACE)


def leave_to_launcher(message: Optional[str], trace: str = '', code: int = 1) -> None:
    """Write down why the process ends; without a launcher of processes nothing is done."""
    if not is_launched():
        return
    with open(os.environ[ERROR_FILE], 'w') as file:
        json.dump(dict(message=json.dumps(dict(message=message, trace=trace, code=code)),
                       timestamp=str(int(time.time()))), file)


def log(text: str) -> None:
    """Write an error into the run's log file, if there is one; the screen gets it elsewhere."""
    if not MMLogger._instance_dict:
        return
    logger = MMLogger.get_current_instance()
    record = logger.makeRecord(logger.name, logging.ERROR, __file__, 0, text, (), None)
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handle(record)


def end(code: int) -> NoReturn:
    """End the process at once: other ranks may wait for it, and threads for them."""
    for act in last_acts:
        act()
    for worker in multiprocessing.active_children():  # of data, which may hang and hear nothing
        worker.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
