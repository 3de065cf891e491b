"""Whose code it is that something happens in: a library's, or the user's own."""

import inspect
import sysconfig
from pathlib import Path
from typing import Any

INSTALLED = ('site-packages', 'dist-packages')
OURS = (Path(__file__).resolve().parent, Path(sysconfig.get_path('stdlib')).resolve())


def is_own_file(file: str) -> bool:
    """Whether a source file is none of an installed library, of Python, or of this project."""
    path = Path(file).resolve()
    return path.is_file() and not set(INSTALLED) & set(path.parts) \
        and not any(folder in path.parents for folder in OURS)


def is_own(target: Any) -> bool:
    """Whether a class or function is a user's own."""
    try:
        return is_own_file(inspect.getfile(target))
    except TypeError:  # of C
        return False
