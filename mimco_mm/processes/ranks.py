"""The processes of this machine, from their start to the end of the last."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from .parents import end_with_parent
from .process_end import ERROR_FILE
from .signals import END_NOW, SIGNALS, UNWINDING, listener, name

STOP_GRACE = 600.  # seconds that ranks have to finish their step and save


class Ended(NamedTuple):
    """A rank that has ended: its exit code (that of a signal is negative) and what it left."""

    rank: int
    code: int
    report: dict

    @property
    def message(self) -> Optional[str]:
        return self.report.get('message')


class Ranks:
    """The processes of this machine.

    They end with this process, whatever ends it.

    Args:
        command: what each of them runs.
        environments: the variables of each.
        folder: for what they leave.
    """

    def __init__(self, command: Sequence[str], environments: Sequence[Dict[str, str]],
                 folder: Path) -> None:
        self.numbers = [int(variables['RANK']) for variables in environments]
        self.files = [folder / f'{number}.json' for number in self.numbers]
        self.processes: List[subprocess.Popen] = []
        listener.stoppable = True  # the first signal is for them, the second is Interrupted
        listener.ends_process = False  # not before they have ended
        for variables, file in zip(environments, self.files):
            # a session of their own: a terminal's Ctrl-C reaches them by this process alone
            self.processes.append(subprocess.Popen(
                command, env={**os.environ, **variables, ERROR_FILE: str(file)},
                start_new_session=True, preexec_fn=end_with_parent()))

    def wait(self) -> List[Ended]:
        """Wait for the end of all; one that fails ends the others. Signals are passed on.

        Returns:
            What became of each.
        """
        passed_on, deadline = False, float('inf')
        try:
            while self.running() and not self.failed():
                if listener.received and not passed_on:
                    passed_on, deadline = True, time.monotonic() + STOP_GRACE
                    self.send(listener.received)
                if time.monotonic() > deadline:
                    print(f'The processes have not ended {STOP_GRACE:.0f} s after '
                          f'{name(listener.received)}, and are killed.', file=sys.stderr)
                    break
                time.sleep(0.1)
        finally:
            listener.stoppable = False
            self.end()
        return [Ended(number, process.returncode, read(file))
                for number, process, file in zip(self.numbers, self.processes, self.files)]

    def end(self) -> None:
        """End those that still run: in order, or else by force."""
        self.send(END_NOW)
        deadline = time.monotonic() + UNWINDING + 1
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in self.running():
            process.kill()
            process.wait()

    def failed(self) -> bool:
        """Whether one has ended badly; those that a signal has ended, all do together."""
        in_order = {0, None, *(128 + number for number in SIGNALS)}
        return any(process.poll() not in in_order for process in self.processes)

    def running(self) -> List[subprocess.Popen]:
        return [process for process in self.processes if process.poll() is None]

    def send(self, number: int) -> None:
        for process in self.running():
            process.send_signal(number)


def read(file: Path) -> dict:
    """What ``leave_to_launcher`` has written; empty, if it did not come to that."""
    try:
        found = json.loads(json.loads(file.read_text())['message'])
    except (OSError, TypeError, ValueError, KeyError):
        return {}
    return found if isinstance(found, dict) else {}
