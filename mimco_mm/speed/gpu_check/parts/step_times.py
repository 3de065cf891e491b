"""Steps of MimCo, stock SimMIM and the rivals in turns, plain and with compiled blocks."""

import statistics
from typing import Callable, Dict, Iterator, List

import torch

from ....models.acceleration import compile_blocks
from ...memory import PeakMemory
from ...methods import MIMCO, SIMMIM, Method, methods
from ...step import TrainingStep
from ...turns import take_turns
from ..rows import Row, Setting, figure, judged, skipped
from ..sizes import shrink

TURNS = 5
COMPILED = f'{MIMCO}, compiled blocks'
# Swin-T first; what takes longest to compile last
ORDER = (('swin-t', False), ('swin-t', True), ('vit-s', False), ('vit-s', True),
         ('swin-b', False), ('vit-b', False), ('swin-b', True), ('vit-b', True))


def run(setting: Setting) -> Iterator[Row]:
    """Of each network a row for each method; compiled MimCo beside MimCo and SimMIM again."""
    for backbone, compiled in ORDER[:2] if setting.rehearsal else ORDER:
        rows = methods(backbone, None if setting.rehearsal else 'bfloat16')
        if setting.rehearsal:
            rows = {name: rows[name] for name in (SIMMIM, 'MoBY', MIMCO)}
        if compiled:
            rows = {SIMMIM: rows[SIMMIM], MIMCO: rows[MIMCO], COMPILED: rows[MIMCO]}
        title = f'{backbone}, in turn with compiled blocks' if compiled else backbone
        yield from compared(setting, title, rows)
        if not setting.rehearsal:
            torch.cuda.empty_cache()


def compared(setting: Setting, title: str, rows: Dict[str, Method]) -> Iterator[Row]:
    """Methods in turns; what is measured twice differs by the title of its turns."""
    steps: Dict[str, Callable[[], None]] = {}
    memory: Dict[str, int] = {}
    for name, method in rows.items():
        try:
            step = built(setting, method, name == COMPILED)
            for _ in range(1 if setting.rehearsal else 3):
                step()
            memory[name] = peak(step)
            steps[name] = step
        except torch.cuda.OutOfMemoryError:
            yield skipped(f'{title}: {name}', f'{setting.batch_size} images do not fit')
    turns = 1 if setting.rehearsal else TURNS
    seconds = take_turns(steps, turns, torch.device(setting.device))
    for name, times in seconds.items():
        middle = statistics.median(times)
        told = (f'{1000 * middle:.1f} ms ({1000 * min(times):.1f} to {1000 * max(times):.1f}), '
                f'{setting.batch_size / middle:.0f} images/s')
        yield figure(f'{title}: {name}', f'{told}, {memory[name] / 2**30:.1f} GiB a step',
                     seconds=times, bytes=memory[name])
    yield from aims(setting, title, seconds)


def built(setting: Setting, method: Method, compiled: bool) -> TrainingStep:
    if setting.rehearsal:
        shrink(method.config.model)
    step = TrainingStep(method.config, setting.batch_size, torch.device(setting.device),
                        torch.bfloat16, method.faster, setting.folder)
    if compiled:  # a rehearsal writes no code
        compile_blocks(step.model, 'eager' if setting.rehearsal else 'inductor')
    return step


def peak(step: TrainingStep) -> int:
    with PeakMemory(step.device) as memory:
        step()
    return memory.bytes


def aims(setting: Setting, title: str, times: Dict[str, List[float]]) -> Iterator[Row]:
    """MimCo over stock SimMIM in the same turns, which is to be 1.0 at most."""
    for name in (MIMCO, COMPILED):
        if name in times and SIMMIM in times:
            ratios = [one / other for one, other in zip(times[name], times[SIMMIM])]
            ratio, what = statistics.median(ratios), f'{title}: {name} / stock SimMIM'
            told = f'{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})'
            if setting.rehearsal:  # the networks are too small to be compared
                yield figure(what, told, ratios=ratios)
            else:
                yield judged(what, ratio <= 1, f'{told}, aim 1.0', ratios=ratios)
