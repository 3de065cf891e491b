"""How SimMIM's fine-tuning resizes a relative position bias table, with SciPy's own splines."""

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from torch import Tensor


def ratio(count: int, reach: int) -> float:
    """q between 1.01 and 1.5 with 1 + q + ... + q^(count - 1) = reach, or the nearer bound."""
    def beyond(q: float) -> float:
        return (q ** count - 1) / (q - 1) - reach

    if beyond(1.01) >= 0:
        return 1.01
    return 1.5 if beyond(1.5) <= 0 else brentq(beyond, 1.01, 1.5, xtol=1e-12)


def old_places(window: int, target: int) -> np.ndarray:
    """Where the 2 w - 1 offsets of the old window stand among those of the new one."""
    q = ratio(window - 1, target - 1)
    right = [sum(q ** power for power in range(count)) for count in range(1, window)]
    return np.array([-place for place in reversed(right)] + [0.0] + right)


def geometric_table(table: Tensor, window: int, target: int) -> Tensor:
    """((2 w - 1)^2 + n, heads) for windows of ``target``; the last n rows are kept."""
    side = 2 * window - 1
    places, offsets = old_places(window, target), np.arange(1.0 - target, target)
    grid = table[:side * side].double().numpy().reshape(side, side, -1)
    for axis in (0, 1):
        grid = CubicSpline(places, grid, axis, bc_type='not-a-knot')(
            offsets.clip(places[0], places[-1]))
    resized = torch.from_numpy(grid.reshape(len(offsets) ** 2, -1)).to(table.dtype)
    return torch.cat((resized, table[side * side:]))
