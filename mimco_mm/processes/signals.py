"""The signals that end a process: Ctrl-C, a scheduler's time limit, a closed terminal.

A run that has begun finishes its step and saves (``InterruptionHook``); everything else ends at
once, with one line.
"""

import _thread
import atexit
import os
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from multiprocessing.sharedctypes import RawValue
from typing import Callable, Iterator, NoReturn, Optional

from .process_end import end, is_launched, last_acts, leave_to_launcher, rank_here, wait_for_rank_0

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
END_NOW = signal.SIGUSR2  # what a launcher tells its ranks when one of them has failed
# Seconds in which one signal may come twice: from the scheduler, and from the launcher.
ONE_SIGNAL = 2.
# What is said of work that a checkpoint keeps: a training
RESUMES = '--resume goes on from the last checkpoint, if there is one.'
UNWINDING = 5.  # seconds that the main thread has to end in order
WORKER_GRACE = 600  # seconds that a data worker goes on after a SIGTERM


class Interrupted(KeyboardInterrupt):
    """A signal has ended the work.

    Args:
        number: the signal.
        message: what the user is to read.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(number, message)  # as it is pickled, by a pool of processes
        self.number = number

    def __str__(self) -> str:
        return self.args[1]


class Listener:
    """What has become of the signals of this process.

    Python's own handlers wait until the main thread is back from C++, where it may be hung; a
    thread that reads from ``signal.set_wakeup_fd`` hears each signal at once.

    Attributes:
        stoppable: whether there is a run that will finish its step when it finds ``received``.
        received: the first signal.
        ending: whether the process is to end now.
        ends_process: whether a main thread that does not come back is ended with all.
        goes_on: a sentence on what goes on after an end at once; '' where nothing does.
    """

    def __init__(self) -> None:
        self.goes_on = ''
        self.stoppable = False
        self.received: Optional[int] = None
        self.ending = False
        self.ends_process = False
        self._time = 0.
        self._previous: dict = {}
        os.register_at_fork(after_in_child=self._forget)

    @contextmanager
    def listening(self, ends_process: bool = False, goes_on: str = '') -> Iterator[None]:
        """Hear the signals within; another listening within has no effect.

        Args:
            ends_process: see above.
            goes_on: see above.
        """
        if self._previous or threading.current_thread() is not threading.main_thread():
            yield
            return
        self.received, self.ending = None, False
        self.ends_process, self.goes_on = ends_process, goes_on
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        for number in (*SIGNALS, END_NOW):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, a script's background
                self._previous[number] = signal.signal(number, self._raise)
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, args=(reader, ), daemon=True).start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            self._restore()
            writer.close()

    def _listen(self, reader: socket.socket) -> None:
        with reader:
            while byte := reader.recv(1):
                if byte[0] not in self._previous or self.ending:
                    continue
                self._notice(byte[0])
                if self.ending:
                    _thread.interrupt_main(byte[0])
                    if self.ends_process:
                        time.sleep(UNWINDING)
                        end_interrupted(self.at_once(self.received), self.received)

    def at_once(self, number: int) -> str:
        """The message of work that nothing was saved of when the signal came."""
        return f'Interrupted by {name(number)}. {self.goes_on}'.rstrip()

    def _notice(self, number: int) -> None:
        now = time.monotonic()
        again = self.received is not None and now - self._time > ONE_SIGNAL
        if self.received is None:
            self.received, self._time = number, now
            if self.stoppable and number != END_NOW and not is_launched() and rank_here() == 0:
                print(f'\n{name(number)}: ending in order, a training with its step finished and '
                      'saved; a second signal ends it at once.', file=sys.stderr, flush=True)
        if number == END_NOW:
            self.received = number
        self.ending = again or not self.stoppable or number == END_NOW

    def _raise(self, number: int, frame) -> None:
        if self.ending:
            self.stoppable, self.ending = False, False
            raise Interrupted(self.received, self.at_once(self.received))

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler or signal.SIG_DFL)
        self._previous = {}

    def _forget(self) -> None:
        """In a child: its signals are its own."""
        last_acts.clear()
        if self._previous:
            signal.set_wakeup_fd(-1)
            self._restore()


listener = Listener()
exiting = RawValue('b', False)  # shared with data workers, which nobody needs at an exit
atexit.register(setattr, exiting, 'value', True)  # before multiprocessing ends them, and waits


def end_interrupted(message: str, number: int) -> NoReturn:
    """End the process with 128 + the signal's number, and one line of all ranks."""
    if number != END_NOW:  # else another rank tells
        leave_to_launcher(message, code=128 + number)
        if not is_launched():
            wait_for_rank_0()
            if rank_here() == 0:
                print(f'\n{message}', file=sys.stderr)
    end(128 + number)


def name(number: int) -> str:
    return signal.Signals(number).name


def outliving(init: Optional[Callable[[int], None]] = None) -> Callable[[int], None]:
    """``worker_init_fn`` of data workers, which the run's last steps need.

    A terminal, or a scheduler, sends its signals to them as well.
    """
    return partial(outlive_signals, init, exiting)


def outlive_signals(init: Optional[Callable[[int], None]], parent_exits, worker: int) -> None:
    for number in set(SIGNALS) - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *args: os._exit(0) if parent_exits.value else
                  signal.alarm(WORKER_GRACE))
    if init is not None:
        init(worker)
