"""Signals that ask a run to end: SIGINT, SIGTERM, and SIGUSR1 of Slurm."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Iterator

from .outcome import Outcome
from .victim import Victim, newest

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


def run(folder: Path, seed: int = 0) -> Iterator[Outcome]:
    """Send each signal to runs of one and of two processes, and resume them."""
    chance = random.Random(seed)
    for processes in (1, 2):
        victim = Victim(folder / f'of_{processes}', processes)
        for number in SIGNALS:
            name = f'{number.name}_{processes}'
            with victim.started(name) as started:
                time.sleep(chance.uniform(0, victim.seconds / 3))
                os.kill(started.process.pid, number)
                code = started.process.wait(timeout=120)
                text = started.text
            survived, told = victim.outcome_of_resume(name)
            if code in (0, 1) or 'Traceback' in text:
                survived, told = False, f'exit {code}, {text.strip().splitlines()[-1][:80]}'
            elif newest(victim.folder / name) is None:
                survived, told = False, 'no checkpoint was saved'
            yield Outcome(f'{number.name}, one and two processes', name, survived, told)
