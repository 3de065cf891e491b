"""What a training step costs: time beside other steps, work, and the floor under it."""

import statistics
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from .turns import take_turns


class Work(NamedTuple):
    """What a step does, whatever machine it runs on.

    Attributes:
        operations: of matrix products, convolutions and attention; a multiply-add is two.
        traffic: bytes that its operators read and write, each tensor once an operator; views and
            new empty tensors cost nothing.
    """

    operations: int
    traffic: int


def count_work(step: Callable[[], Any]) -> Work:
    """Count the work of a step, of torch's own layers: an extension's operators may be unknown."""
    traffic = _Traffic()
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as operations, traffic:
        step()
    return Work(operations.get_total_flops(), traffic.bytes)


class _Traffic(TorchDispatchMode):
    """Sums the bytes of what operators take and give."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not (func.is_view or func.overloadpacket in _FREE):
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result))
                       if isinstance(leaf, torch.Tensor)]
            self.bytes += sum(tensor.nbytes for tensor in tensors)
        return result


_FREE = {torch.ops.aten.empty, torch.ops.aten.empty_like, torch.ops.aten.detach,
         torch.ops.aten._unsafe_view}


def matrix_rate(multiply: Callable[[torch.Tensor], Any], x: torch.Tensor) -> float:
    """Operations a second of ``multiply``, by a square matrix as wide as ``x`` (N, C), at best."""
    seconds = take_turns(dict(rate=lambda: multiply(x)), 7, x.device)['rate']
    return 2 * x.shape[0] * x.shape[1]**2 / min(seconds)


def bandwidth(device: torch.device, size: int = 2**28) -> float:
    """Bytes a second of copying ``size`` bytes, read and written, at best."""
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.ones_like(source)
    seconds = take_turns(dict(copy=lambda: target.copy_(source)), 7, device)['copy']
    return 2 * size / min(seconds)


def step_rows(seconds: Dict[str, Sequence[float]], batch_size: int, memory: Dict[str, int],
              work: Dict[str, Work]) -> List[Dict[str, Any]]:
    """Rows of medians, and of ratios to the first row over the repeats.

    Args:
        seconds: method -> seconds a step, in turns.
        batch_size: images a step.
        memory: method -> peak bytes of a step.
        work: method -> ``count_work``.
    """
    first = next(iter(seconds.values()))
    rows = []
    for name, times in seconds.items():
        ratios = [one / other for one, other in zip(times, first)]
        rows.append(dict(
            method=name, seconds=statistics.median(times), slowest=max(times), fastest=min(times),
            images_per_s=batch_size / statistics.median(times), ratio=statistics.median(ratios),
            lowest_ratio=min(ratios), highest_ratio=max(ratios), memory=memory[name],
            **work[name]._asdict()))
    return rows


def shares(step: Sequence[float], parts: Dict[str, Sequence[float]]) -> Dict[str, List[float]]:
    """Part -> its share of the step in each turn; what the parts leave of it are the heads.

    Args:
        step: seconds a step, in turns.
        parts: part -> seconds of it alone, in the same turns.
    """
    found = {name: [part / whole for part, whole in zip(times, step)]
             for name, times in parts.items()}
    return {**found, 'heads': [1 - sum(turn) for turn in zip(*found.values())]}


def shares_in_words(found: Dict[str, Sequence[float]]) -> str:
    """Median and range of each part of ``shares``; one that is not above 0 is within the noise."""
    words = []
    for name, turns in found.items():
        median = statistics.median(turns)
        span = f'{min(turns):.0%} to {max(turns):.0%}'
        words.append(f'{name} {median:.0%} ({span})' if median > 0 else
                     f'{name} within the noise of the other parts ({span})')
    return ', '.join(words)


def step_markdown(rows: Sequence[Dict[str, Any]], operations_per_s: float,
                  bytes_per_s: float) -> str:
    """The rows of ``step_rows`` as a Markdown table, with the two floors of this machine."""
    lines = ['| | images/s | s a step (range) | ratio (range) | peak, MiB | operations, T | '
             "at the matrix rate, s | operators' bytes, GB | at the bandwidth, s |",
             '|---|--:|--:|--:|--:|--:|--:|--:|--:|']
    for row in rows:
        lines.append(
            f'| {row["method"]} | {row["images_per_s"]:.1f} | {row["seconds"]:.3f} '
            f'({row["fastest"]:.3f} to {row["slowest"]:.3f}) | {row["ratio"]:.2f} '
            f'({row["lowest_ratio"]:.2f} to {row["highest_ratio"]:.2f}) | '
            f'{row["memory"] / 2**20:.0f} | {row["operations"] / 1e12:.3f} | '
            f'{row["operations"] / operations_per_s:.3f} | {row["traffic"] / 1e9:.1f} | '
            f'{row["traffic"] / bytes_per_s:.3f} |')
    return '\n'.join(lines)
