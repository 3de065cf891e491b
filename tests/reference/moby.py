"""MoBY's loss and moving average, stage 1 for Swin, as plain loops in float64.

The loss is written as softmax cross-entropy with label 0, unlike ``algorithm1.info_nce``, so that
each checks the other.
"""
import math
from typing import Any

import torch


def _cross_entropy_of_first(logits: list[float]) -> float:
    """-log softmax(logits)[0], by the log of the sum of exponentials."""
    largest = max(logits)
    total = 0.0
    for logit in logits:
        total += math.exp(logit - largest)
    return largest + math.log(total) - logits[0]


def _one_direction(q: Any, k: Any, queue: Any, temperature: float) -> float:
    """Mean over rows of CE([q . k, q . queue_1, ..., q . queue_K] / temperature, label 0)."""
    q = torch.as_tensor(q, dtype=torch.float64).tolist()
    k = torch.as_tensor(k, dtype=torch.float64).tolist()
    queue = torch.as_tensor(queue, dtype=torch.float64).tolist()
    total = 0.0
    for i in range(len(q)):
        logits = []
        for key in [k[i]] + queue:
            product = 0.0
            for d in range(len(key)):
                product += q[i][d] * key[d]
            logits.append(product / temperature)
        total += _cross_entropy_of_first(logits)
    return total / len(q)


def moby_loss(
    q1: Any, q2: Any, k1: Any, k2: Any, queue1: Any, queue2: Any, temperature: float
) -> float:
    """CE(q1, k2; queue2) + CE(q2, k1; queue1): a sum, with no factor of the temperature.

    q and k are (B, D) and the queues (K, D), one key a row (the official buffers are (D, K)); all
    rows are normalised by the caller. queue1 holds earlier k1, queue2 earlier k2.
    """
    first = _one_direction(q1, k2, queue2, temperature)
    second = _one_direction(q2, k1, queue1, temperature)
    return first + second


def ema(old: Any, new: Any, m: float) -> Any:
    """m old + (1 - m) new, value by value; for a tensor, or for each entry of a dict."""
    if isinstance(old, dict):
        if set(old) != set(new):
            raise ValueError('old and new hold different names')
        return {name: ema(old[name], new[name], m) for name in old}
    old = torch.as_tensor(old, dtype=torch.float64)
    new = torch.as_tensor(new, dtype=torch.float64)
    if old.shape != new.shape:
        raise ValueError(f'shapes {tuple(old.shape)} and {tuple(new.shape)}')
    values = []
    for a, b in zip(old.flatten().tolist(), new.flatten().tolist()):
        values.append(m * a + (1.0 - m) * b)
    return torch.tensor(values, dtype=torch.float64).reshape(old.shape)
