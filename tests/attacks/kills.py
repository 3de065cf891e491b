"""Kills: at random, in writing, between a checkpoint and its note, of one rank, of the launcher."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Iterator

from .outcome import Outcome
from .victim import Started, Victim, newest

# Of 50: how many of each way.
SHARES = dict(random=14, writing=10, note=8, rank=10, launcher=8)
NAMES = dict(random='kill -9 of the run, at a random moment',
             writing='kill -9 while a checkpoint is written',
             note='kill -9 between a checkpoint and `last_checkpoint`',
             rank='kill -9 of one rank of two',
             launcher='kill -9 of the launcher of two ranks')
SECONDS_TO_LEAVE = 10


def run(folder: Path, kills: int = 50, seed: int = 0) -> Iterator[Outcome]:
    """Kill runs in every way, and resume each."""
    chance = random.Random(seed)
    single, double = Victim(folder / 'single'), Victim(folder / 'double', processes=2)
    for way, share in SHARES.items():
        victim = double if way in ('rank', 'launcher') else single
        for number in range(max(1, round(kills * share / 50))):
            name = f'{way}_{number}'
            complaint = kill(victim, name, way, chance)
            survived, told = victim.outcome_of_resume(name)
            yield Outcome(NAMES[way], name, survived and not complaint, complaint or told)


def kill(victim: Victim, name: str, way: str, chance: random.Random) -> str:
    """Start a run and kill it; says what was wrong with how it ended, if anything."""
    with victim.started(name) as run:
        if way == 'random':
            time.sleep(chance.uniform(0, victim.seconds / 2))
            run.kill()
        elif way in ('writing', 'note'):
            kill_in_writing(run, way, nth=chance.randint(1, 8))
        elif way == 'rank':
            time.sleep(chance.uniform(0, victim.seconds / 3))
            return kill_rank(run, chance.randint(0, 1))
        else:
            time.sleep(chance.uniform(0, victim.seconds / 3))
            return kill_launcher(run)
    return ''


def kill_in_writing(run: Started, way: str, nth: int) -> None:
    """Kill it at the sight of the nth file half written, or of the nth checkpoint not yet noted."""
    begun = {}

    def seen() -> bool:
        if way == 'writing':
            begun.update((entry.name, entry.inode()) for entry in os.scandir(run.work_dir)
                         if 'partial' in entry.name)
        else:
            begun.update((path.name, True) for path in [newest(run.work_dir)] if path)
        return len(begun) >= nth

    run.wait_for(seen, pause=0)
    run.kill()


def kill_rank(run: Started, rank: int) -> str:
    if run.process.poll() is not None:
        return ''
    others = run.ranks
    os.kill(others[rank], signal.SIGKILL)
    code = run.process.wait(timeout=120)
    if code == 0 or 'Traceback' in run.text:
        return f'exit {code} of a run that lost a rank'
    return '' if are_gone(others) else 'ranks stay'


def kill_launcher(run: Started) -> str:
    if run.process.poll() is not None:
        return ''
    ranks = run.ranks
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait()
    deadline = time.time() + SECONDS_TO_LEAVE
    while time.time() < deadline and not are_gone(ranks):
        time.sleep(0.1)
    if are_gone(ranks):
        return ''
    for pid in ranks:
        os.kill(pid, signal.SIGKILL)
    return f'ranks train on {SECONDS_TO_LEAVE} s after their launcher'


def are_gone(pids: list) -> bool:
    return not any(Path('/proc', str(pid)).exists() for pid in pids)
