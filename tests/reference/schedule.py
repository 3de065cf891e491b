"""The learning rate at each step, as MoBY and SimMIM schedule it."""
import math


def warmup_cosine_lr(
    step: int, warmup_steps: int, total_steps: int, base: float, start: float, end: float
) -> float:
    """Linear warm-up from ``start`` towards ``base``, then a cosine down to ``end``.

    The cosine is timm's without ``warmup_prefix``: its phase is step / total_steps and so counts
    the warm-up's steps. It takes over a little below ``base``, at its own value at that step.
    """
    if step < warmup_steps:
        return start + step * (base - start) / warmup_steps
    if step >= total_steps:
        return end
    return end + (base - end) * (1.0 + math.cos(math.pi * step / total_steps)) / 2.0
