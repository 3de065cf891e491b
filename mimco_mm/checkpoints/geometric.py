"""Relative position bias tables for another window, as SimMIM's authors resize them.

Their fine-tuning (``remap_pretrained_keys_*`` in utils.py of SimMIM) keeps the bias of small
offsets and stretches that of large ones: offset 0, 1, 2, 3 ... of the old window is taken to stand
at 0, 1, 1 + q, 1 + q + q^2 ... of the new one, with q such that the ends of both meet. Between
these places runs a cubic spline, in each of the two directions.
"""

import torch

# The bounds within which the authors look for q. A larger window than 1.5 reaches has the last bias
# at its rim; a smaller one than the old takes the offsets nearly as they are.
RATIOS = (1.01, 1.5)


def geometric_weights(source: int, target: int) -> torch.Tensor:
    """(target, source), float64: each row is how a new offset's bias is made of the old ones.

    Args:
        source: number of offsets along a side, 2 w - 1 of a window w.
        target: that of the new window.
    """
    places = geometric_places(source // 2, target // 2)
    knots = torch.cat((-places.flip(0), places.new_zeros(1), places))
    offsets = torch.arange(-(target // 2), target // 2 + 1, dtype=knots.dtype)
    return spline_weights(knots, offsets.clamp(knots[0], knots[-1]))


def geometric_places(count: int, reach: int) -> torch.Tensor:
    """(count, ): 1, 1 + q, 1 + q + q^2 ...; the last is ``reach``, if a q within RATIOS does it."""
    powers = torch.arange(count, dtype=torch.float64)
    low, high = RATIOS
    for _ in range(60):  # halves the interval to float64's resolution
        middle = (low + high) / 2
        low, high = (low, middle) if (middle**powers).sum() > reach else (middle, high)
    return (low**powers).cumsum(0)


def spline_weights(knots: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """(P, K): the cubic spline through values at ``knots`` (K, ), as a linear map to ``points``.

    Its third derivative jumps at every knot but the first and last two ("not-a-knot"); through
    three knots runs a parabola.
    """
    scale = knots.abs().max().clamp(min=1)

    def basis(x: torch.Tensor) -> torch.Tensor:
        x, inner = x[:, None] / scale, knots[2:-2] / scale
        return torch.cat((x**torch.arange(min(len(knots), 4)), (x - inner).relu()**3), dim=1)

    return torch.linalg.solve(basis(knots), basis(points), left=False)
