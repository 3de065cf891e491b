"""A start that was refused leaves no trace in the work dir."""

import re
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator

from mmengine.config import Config
from mmengine.dist import get_rank

from .ending import message_of

DATED = re.compile(r'\d{8}_\d{6}')  # mmengine's folder of one start


@contextmanager
def nothing_left(cfg: Config, begun: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Take away what a start has written that ends by a message before its first step.

    That is the folder of its log and the copy of its config; what was there before stays.

    Args:
        cfg: of the run.
        begun: whether the run has made a step.
    """
    work_dir = Path(cfg.work_dir)
    present = set(work_dir.iterdir()) if work_dir.is_dir() else set()
    try:
        yield
    except Exception as error:
        told = message_of(error) is not None
        if told and get_rank() == 0 and not begun() and work_dir.is_dir():
            for path in set(work_dir.iterdir()) - present:
                if DATED.fullmatch(path.name):
                    shutil.rmtree(path, ignore_errors=True)
                elif path.name == Path(cfg.filename or '').name:
                    path.unlink()
        raise


@contextmanager
def no_empty_folders(work_dir: str) -> Iterator[None]:
    """Take away the folders that a start has made for its results, if they are empty at its end."""
    made = [folder for folder in (Path(work_dir), *Path(work_dir).parents) if not folder.exists()]
    try:
        yield
    finally:
        with suppress(OSError):  # something is in it
            for folder in made:
                folder.rmdir()
