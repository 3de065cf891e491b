"""Writing files as a whole, or not at all."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Callable, Dict

from safetensors import SafetensorError

from .errors import CheckpointError


def write_whole(files: Dict[Path, Callable[[Path], None]], size: int) -> None:
    """Write files, all of them or none.

    Each is written beside its place first, and takes it when all are there: an interruption or a
    full disk leaves what was there before, and nothing else.

    Args:
        files: {where: what writes it to a path}; missing folders are made.
        size: bytes that the files take, about.

    Raises:
        CheckpointError: they cannot be written; the message says why, and what to free.
    """
    partials = {file: file.with_name(f'{file.name}.partial') for file in files}
    made = [folder for file in files for folder in file.parents if not folder.exists()]
    try:
        for file, write in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            write(partials[file])
        for file, partial in partials.items():
            os.replace(partial, file)
    except BaseException as error:
        for partial in partials.values():
            with contextlib.suppress(OSError):
                partial.unlink()
        for folder in sorted(made, key=lambda folder: -len(folder.parts)):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, (OSError, RuntimeError, SafetensorError)):  # RuntimeError: torch's
            raise CheckpointError(complaint(next(iter(files)), size, error)) from error
        raise


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
    reason = getattr(error, 'strerror', None) or str(error)
    return (f'{file} cannot be written ({reason}); it takes {size / 1e6:.1f} MB. Check the '
            f'rights to {folder}, its quota and its disk, or give another place.')
