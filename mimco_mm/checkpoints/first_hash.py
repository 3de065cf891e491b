"""The hash that a download had at first, in a file beside it that ``sha256sum -c`` reads."""

import contextlib
import os
from pathlib import Path
from typing import Optional


def memory_of(file: Path) -> Path:
    return file.with_name(f'{file.name}.sha256')


def remembered(file: Path) -> Optional[str]:
    """The sha256 of a file when it was first seen; None of one that never was."""
    try:
        words = memory_of(file).read_text().split()
    except (OSError, UnicodeDecodeError):
        return None
    return words[0] if words else None


def remember(file: Path, sha256: str) -> None:
    """Keep a file's sha256 beside it, unless one is there, or the folder is not ours to write."""
    memory = memory_of(file)
    if memory.exists():
        return
    partial = memory.with_name(f'{memory.name}.{os.getpid()}.partial')
    with contextlib.suppress(OSError):
        partial.write_text(f'{sha256}  {file.name}\n')
        os.replace(partial, memory)
