"""A bar over what takes a while, which counts what a user counts: images, shards, queries."""

from typing import Callable, Iterable, Iterator, TypeVar

from mmengine.dist import get_world_size
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Item = TypeVar('Item')
PACE = 300.  # seconds whose pace the time that is left is told by


def progress(items: Iterable[Item], total: int, unit: str,
             size: Callable[[Item], int] = lambda item: 1, done: int = 0) -> Iterator[Item]:
    """Go through items under a bar with the time that is left; off a terminal its end is a line.

    Args:
        items: what is gone through.
        total: how many there are, in ``unit``.
        unit: what is counted, for the user to read.
        size: how many of them an item is, such as the images of a batch.
        done: how many were before; the time that is left does not count them.
    """
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn(), 'left:',
               TimeRemainingColumn())
    with Progress(*columns, speed_estimate_period=PACE) as bar:
        task = bar.add_task(unit, total=total, completed=done)
        for item in items:
            yield item
            bar.advance(task, size(item))


def of_share(unit: str) -> str:
    """What a process counts that goes through its share of the work, others through theirs."""
    processes = get_world_size()
    return unit if processes == 1 else f'{unit} of one of {processes} processes'
