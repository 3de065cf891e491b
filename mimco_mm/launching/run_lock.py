"""One run in a work dir at a time: a lock file that lives as long as its run."""

import json
import os
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional
from uuid import uuid4

from ..errors import ConfigError
from ..processes import last_acts, rank_here

FILE = 'running.lock'
BEAT = 20.  # seconds between two signs of life
DEAD = 300.  # seconds without one after which a run of another machine counts as dead


@contextmanager
def run_lock(work_dir: str) -> Iterator[None]:
    """Keep other runs out of a work dir; rank 0 does so for all.

    The file is made by O_EXCL, which is safe over NFS as well, and says who made it.

    Raises:
        ConfigError: a run lives there.
    """
    if rank_here():
        yield
        return
    folder = Path(work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    file, own = folder / FILE, json.dumps(owner())
    while not made(file, own):
        taken = check_lock(work_dir, take=True)
        if taken:
            print(taken, flush=True)
    over = threading.Event()

    def release() -> None:
        over.set()
        if content(file) == own:
            file.unlink(missing_ok=True)

    last_acts.append(release)
    threading.Thread(target=beat, args=(file, over), daemon=True).start()
    try:
        yield
    finally:
        last_acts.remove(release)
        release()


def check_lock(work_dir: str, take: bool = False) -> Optional[str]:
    """Refuse a work dir in which a run lives.

    Args:
        work_dir: the folder.
        take: whether the lock of a run that has died is removed; the answer then says so.

    Raises:
        ConfigError: the message says which run it is, and what to do.
    """
    file = Path(work_dir, FILE)
    text = content(file)
    if text is None or rank_here():
        return None
    try:
        other = json.loads(text)
        who = f'process {other["pid"]} on {other["host"]}, since {other["since"]}'
    except (ValueError, TypeError, KeyError):
        other, who = {}, 'a process that it does not name'
    age = silence(file)
    if is_alive(other, age):
        elsewhere = '' if other.get('space') == owner()['space'] else (
            f' If it is dead for certain, remove {file}; of itself that counts {DEAD / 60:.0f} '
            'minutes after the last sign of life.')
        raise ConfigError(
            f'Another run is at work in {work_dir}: {who}, last sign of life {age:.0f} s ago. Wait '
            f'for its end or end it (kill PID), or choose another --work-dir.{elsewhere}')
    return remove(file, text, who) if take else None


def is_alive(other: dict, age: float) -> bool:
    """Whether the owner of a lock lives, as far as can be told from here.

    Args:
        other: what the lock says of it, see ``owner``.
        age: seconds since its last sign of life.
    """
    here = owner()
    jobs = other.get('job'), here['job']
    if all(jobs) and jobs[0][0] == jobs[1][0] and jobs[0] != jobs[1]:
        return False  # Slurm has started this job anew: what ran before is over
    if other.get('space') == here['space']:
        return other['started'] is not None and started(other['pid']) == other['started']
    return age < DEAD


def owner() -> dict:
    """Who this process is, for others that may be on other machines."""
    job = os.environ.get('SLURM_JOB_ID')
    return dict(host=socket.gethostname(), pid=os.getpid(), started=started(os.getpid()),
                space=[socket.gethostname(), pid_space()], since=time.strftime('%F %T'),
                job=[job, os.environ.get('SLURM_RESTART_COUNT', '0')] if job else None)


def started(pid: int) -> Optional[str]:
    """When a process of this machine began, as the system counts it; None if it has ended."""
    try:
        os.kill(pid, 0)
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(') ')[2].split()
    except ProcessLookupError:
        return None
    except OSError:  # another user's, or a system without /proc
        return 'alive'
    return None if fields[0] in 'ZX' else fields[19]


def pid_space() -> str:
    """What tells containers of one host name apart."""
    try:
        return os.readlink('/proc/self/ns/pid')
    except OSError:
        return ''


def made(file: Path, text: str) -> bool:
    """Whether the file was not there, and is now."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, 'w') as opened:
            opened.write(text)
    except OSError:  # a full disk: an empty lock would outlive this process
        file.unlink(missing_ok=True)
        raise
    return True


def content(file: Path) -> Optional[str]:
    try:
        return file.read_text(errors='replace')
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f'{file}, by which a run keeps others out of its folder, cannot be read '
                          f'({error.strerror}): remove it if no run is at work there, or choose '
                          'another --work-dir.') from error


def remove(file: Path, text: str, who: str) -> Optional[str]:
    """Remove a lock that was read, unless another run has just done so and made its own."""
    moved = file.with_name(f'{file.name}.{uuid4().hex}')
    try:
        os.rename(file, moved)
    except FileNotFoundError:
        return None
    if moved.read_text() != text:
        os.link(moved, file)
        moved.unlink()
        return None
    moved.unlink()
    return f'The last run in {file.parent} has died ({who}); its lock is taken over.'


def silence(file: Path) -> float:
    """Seconds since a lock's last sign of life, by the clock of the file system."""
    probe = file.with_name(f'{file.name}.{uuid4().hex}')
    try:
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
        return max(now - file.stat().st_mtime, 0.)
    except OSError:  # gone meanwhile, or a folder that cannot be written to
        return 0.


def beat(file: Path, over: threading.Event) -> None:
    """Give signs of life."""
    while not over.wait(BEAT):
        try:
            os.utime(file)
        except OSError:  # a full or absent file system ends the run by itself, if it must
            pass
