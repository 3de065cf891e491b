"""Pieces of work that take turns, so that what else a machine does meets all of them alike."""

import sys
import time
from collections import deque
from typing import Any, Callable, Dict, Iterable, List

import torch
from mmengine.utils import track_iter_progress

from ..names import counted

Seconds = Dict[str, List[float]]


def take_turns(work: Dict[str, Callable[[], Any]], repeats: int, device: torch.device,
               bar: bool = True) -> Seconds:
    """Wall-clock seconds of each piece of work, after one turn that is not timed, in turns.

    On a GPU the clock is read when the device has finished.

    Args:
        work: title -> what is timed.
        repeats: turns of each.
        device: that it uses.
        bar: whether to show one.
    """
    def now() -> float:
        if device.type == 'cuda':
            torch.cuda.synchronize(device)
        return time.perf_counter()

    return {name: times[1:] for name, times in _timed(work, 1 + repeats, now, bar).items()}


def interleaved(work: Dict[str, Callable[[], Iterable]], rounds: int) -> Seconds:
    """CPU seconds of this process in which each iterable runs through, in turns, ``rounds`` times.

    Shows a progress bar.
    """
    return _timed({name: lambda items=items: deque(items(), maxlen=0)
                   for name, items in work.items()}, rounds, time.process_time, bar=True)


def _timed(work: Dict[str, Callable[[], Any]], turns: int, now: Callable[[], float],
           bar: bool) -> Seconds:
    seconds: Seconds = {name: [] for name in work}
    order = list(work) * turns
    if bar:
        print(f'{counted(turns, "turn")} of {"; ".join(work)}', file=sys.stderr)
    for name in track_iter_progress(order, file=sys.stderr) if bar else order:
        started = now()
        work[name]()
        seconds[name].append(now() - started)
    return seconds
