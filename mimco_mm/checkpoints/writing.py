"""Writing files as a whole, or not at all: the one writer of what a later command reads."""

import contextlib
import errno
import os
import re
import shutil
import socket
import time
from pathlib import Path
from typing import Callable, Dict, List

from safetensors import SafetensorError

from ..errors import UserError
from .errors import CheckpointError

HOST = re.sub(r'[^\w.-]', '_', socket.gethostname())
# of what is being written: by which process, on which machine
PARTIAL = re.compile(r'.+\.(?P<pid>\d+)@(?P<host>[\w.-]+)\.partial')
# Seconds after which a file that another machine has begun is not being written any more.
ABANDONED = 3600
# What the system says of a place that takes no more, -> what to do about it.
MENDS = {
    errno.ENOSPC: 'its disk is full: free {size} there',
    errno.EDQUOT: 'your quota there is used up: remove {size} of your files there',
    errno.EROFS: 'its disk is read-only: have it mounted for writing',
}


def write_whole(files: Dict[Path, Callable[[Path], None]], size: int) -> None:
    """Write files, all of them or none.

    Each is written beside its place first, flushed to the disk, and takes its place when all are
    there: an interruption, a crash or a full disk leaves what was there before, and nothing else.
    What a killed process leaves is found by ``remove_abandoned``.

    Args:
        files: {where: what writes it to a path}; missing folders are made.
        size: bytes that the files take, about.

    Raises:
        CheckpointError: they cannot be written; the message says why, and what to free.
    """
    partials = {file: file.with_name(f'{file.name}.{os.getpid()}@{HOST}.partial')
                for file in files}
    made = [folder for file in files for folder in file.parents if not folder.exists()]
    try:
        for file, write in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            write(partials[file])
            flush(partials[file])
        for file, partial in partials.items():
            os.replace(partial, file)
        for folder in {file.parent for file in files}:
            with contextlib.suppress(OSError):  # not every file system flushes folders
                flush(folder)
    except BaseException as error:
        for partial in partials.values():
            with contextlib.suppress(OSError):
                partial.unlink()
        for folder in sorted(made, key=lambda folder: -len(folder.parts)):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, UserError):  # of what is written, not of where
            raise
        if isinstance(error, (OSError, RuntimeError, SafetensorError)):  # RuntimeError: torch's
            raise CheckpointError(complaint(next(iter(files)), size, error)) from error
        raise


def write_text(file: Path, text: str) -> None:
    """Write a text file by ``write_whole``."""
    write_whole({file: text_file(text)}, len(text.encode()))


def text_file(text: str) -> Callable[[Path], None]:
    """What writes a text."""
    content = text.encode()
    return lambda path: path.write_bytes(content)


def flush(path: Path) -> None:
    """Return when what the system still holds of a file, or of a folder's names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_abandoned(folder: Path) -> List[str]:
    """Remove what killed processes have begun to write into a folder; returns the files' names."""
    removed = []
    for partial in sorted(folder.glob('*.partial')):
        written_by = PARTIAL.fullmatch(partial.name)
        if written_by and is_abandoned(partial, int(written_by['pid']), written_by['host']):
            with contextlib.suppress(OSError):
                partial.unlink()
                removed.append(partial.name)
    return removed


def is_abandoned(partial: Path, pid: int, host: str) -> bool:
    """Whether nobody writes a file any more; a machine knows its own processes alone."""
    if host == HOST:
        return pid == os.getpid() or not is_running(pid)
    try:
        return time.time() - partial.stat().st_mtime > ABANDONED
    except OSError:  # it has just taken its place
        return False


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        pass
    return True


def complaint(file: Path, size: int, error: Exception) -> str:
    """Why ``file`` could not be written, measured after what was begun is deleted."""
    folder = next(folder for folder in file.absolute().parents if folder.exists())
    if not folder.is_dir():
        return f'{file} cannot be written: {folder} is no folder. Give another place.'
    free = shutil.disk_usage(folder).free
    if free < size:
        return (f'{file} cannot be written: it takes {size / 1e6:.1f} MB, and its disk has '
                f'{free / 1e6:.1f} MB left. Free {(size - free) / 1e6:.1f} MB there, or give a '
                'place on another disk.')
    if isinstance(error.__context__, OSError):  # torch raises its own error over the system's
        error = error.__context__
    mend = MENDS.get(getattr(error, 'errno', None))
    if mend:
        return (f'{file} cannot be written ({error.strerror}): '
                f'{mend.format(size=f"{size / 1e6:.1f} MB")}, or give a place on another disk.')
    reason = getattr(error, 'strerror', None) or str(error)
    return (f'{file} cannot be written ({reason}); it takes {size / 1e6:.1f} MB. Check the '
            f'rights to {folder}, its quota and its disk, or give another place.')
