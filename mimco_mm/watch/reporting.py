"""What only tells of a run, measurements and lists, must not end it."""

from contextlib import contextmanager
from typing import Any, Callable

from mmengine.dist import all_gather_object

from ..names import printable


@contextmanager
def reporting(runner, what: str):
    """Log an error of what is done within, and let the run go on.

    Several ranks must meet it together: see ``on_all_ranks``.

    Args:
        runner: the Runner.
        what: the subject of the line in the log.
    """
    try:
        yield
    except Exception as error:
        runner.logger.warning(f'{what}: failed, and the run goes on without it '
                              f'({printable(described(error))})')


def on_all_ranks(work: Callable[[], Any]) -> Any:
    """What ``work`` returns on this rank; an error of it on one rank is raised on all.

    So none of them waits in vain for one that has given up. All must come here together.

    Raises:
        RuntimeError: the first rank's error, in words.
    """
    result, failure = None, ''
    try:
        result = work()
    except Exception as error:
        failure = described(error)
    failures = [text for text in all_gather_object(failure) if text]
    if failures:
        raise RuntimeError(failures[0])
    return result


def described(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'
