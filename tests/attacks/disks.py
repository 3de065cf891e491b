"""Disks that are full, read-only or gone while a run writes its checkpoints."""

import contextlib
import shutil
import subprocess
from pathlib import Path
from typing import Iterator

from .outcome import Outcome
from .victim import Victim, checkpoints, fresh_copy, newest

KIND = 'disk full, read-only or gone'


def run(folder: Path) -> Iterator[Outcome]:
    """Fill and forbid small file systems under runs; those of tmpfs need the right to mount."""
    victim = Victim(folder / 'disks')
    size = newest(victim.folder / 'unbroken').stat().st_size
    yield from full(victim, size)
    yield limited(victim, size)
    yield read_only(victim)
    yield no_folder(victim)
    yield gone(victim)


@contextlib.contextmanager
def tmpfs(place: Path, size: int):
    """A file system of ``size`` bytes."""
    place.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(['umount', '-l', str(place)], check=True)


def full(victim: Victim, size: int) -> Iterator[Outcome]:
    """Too small for two checkpoints: the run ends in words, and goes on when there is room."""
    with tmpfs(victim.folder / 'full', int(2.6 * size)):
        ended = victim.command('full')
        told = in_words(ended, '--resume')
        left = checkpoints(victim.folder / 'full')
        yield Outcome(KIND, 'full after some checkpoints', told is None and bool(left),
                      told or f'refused in words, {"a" if left else "no"} checkpoint is left')
        fresh_copy(victim.folder / 'full', victim.folder / 'freed')
    yield Outcome(KIND, 'freed again', *victim.outcome_of_resume('freed'))


def limited(victim: Victim, size: int) -> Outcome:
    """A limit to the size of files stands for a quota."""
    line = ' '.join(victim.line('limited'))
    command = ['bash', '-c', f'ulimit -f {size // 2048}; {line}']
    ended = victim.ended(command)
    told = in_words(ended, '--resume')
    return Outcome(KIND, 'files may not grow to a checkpoint', told is None,
                   told or 'refused in words')


def read_only(victim: Victim) -> Outcome:
    with tmpfs(victim.folder / 'read_only', 1 << 20):
        subprocess.run(['mount', '-o', 'remount,ro', str(victim.folder / 'read_only')], check=True)
        ended = victim.command('read_only')
    told = in_words(ended, '--work-dir')
    return Outcome(KIND, 'read-only', told is None, told or 'refused in words')


def no_folder(victim: Victim) -> Outcome:
    (victim.folder / 'a_file').write_text('')
    told = in_words(victim.command('a_file'), '--work-dir')
    return Outcome(KIND, 'a file in its place', told is None, told or 'refused in words')


def gone(victim: Victim) -> Outcome:
    """The folder is deleted under a run, which makes it anew or says what is missing."""
    with victim.started('gone') as started:
        shutil.rmtree(started.work_dir)
        code = started.process.wait(timeout=300)
        text = started.text
    survived = code in (0, 1) and 'Traceback' not in text
    return Outcome(KIND, 'deleted under the run', survived,
                   'made anew' if code == 0 else f'exit {code}: {text.splitlines()[-1][:80]}')


def in_words(ended, *wanted: str):
    """None if a run ended by one message with these words; else how it ended."""
    said = ended.text[ended.text.rfind('error: '):]
    if (ended.code == 1 and 'error: ' in ended.text and 'Traceback' not in ended.text
            and all(word in said for word in wanted)):
        return None
    return f'exit {ended.code}: {ended.last[:80]}'
