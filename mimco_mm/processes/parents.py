"""Children that end with their parent, whatever ends it, SIGKILL included (on Linux)."""

import ctypes
import os
import signal
from typing import Callable

PR_SET_PDEATHSIG = 1  # of prctl(2): the signal that a process gets when its parent has ended
try:
    prctl = ctypes.CDLL(None).prctl
except (OSError, TypeError, AttributeError):  # another system
    prctl = None


def end_with_parent(number: int = signal.SIGKILL) -> Callable[[], None]:
    """``preexec_fn`` of a child that is to get a signal when this process has ended."""
    parent = os.getpid()

    def ask() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, int(number))
            if os.getppid() != parent:  # it has ended already
                os._exit(1)

    return ask
