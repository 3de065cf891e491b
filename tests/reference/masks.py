"""What a SimMIM mask must look like: whole square units, a fixed number of them per image."""
import math
from typing import Any

import torch

Grid = list[list[float]]


def expected_masked_units(image: int, unit: int, ratio: float) -> int:
    """ceil(ratio times the number of unit x unit cells); sides in pixels."""
    if image % unit != 0:
        raise ValueError(f'cells of {unit} pixels do not tile {image} pixels')
    cells = (image // unit) ** 2
    return math.ceil(cells * ratio)


def coarsen(mask: Any, factor: int) -> Grid:
    """One (H, W) mask on a grid ``factor`` times coarser; refuses a cell that is partly masked."""
    mask = torch.as_tensor(mask, dtype=torch.float64).tolist()
    height, width = len(mask), len(mask[0])
    if height % factor != 0 or width % factor != 0:
        raise ValueError(f'a {height}x{width} mask does not split into {factor}x{factor} blocks')
    out = []
    for row in range(0, height, factor):
        out_row = []
        for column in range(0, width, factor):
            first = mask[row][column]
            for h in range(row, row + factor):
                for w in range(column, column + factor):
                    if mask[h][w] != first:
                        raise ValueError(f'the block at ({row}, {column}) is partly masked')
            out_row.append(first)
        out.append(out_row)
    return out


def expand(mask: Any, factor: int) -> Grid:
    """One (H, W) mask on a grid ``factor`` times finer: each cell repeated in both directions."""
    mask = torch.as_tensor(mask, dtype=torch.float64).tolist()
    out = []
    for h in range(len(mask) * factor):
        out.append([mask[h // factor][w // factor] for w in range(len(mask[0]) * factor)])
    return out


def check_mask(mask: Any, image: int, unit: int, patch: int, ratio: float) -> None:
    """Raise ValueError unless one mask is a SimMIM mask on the grid of ``patch``-pixel tokens.

    It must be square with image / patch cells a side, hold 0 and 1 only, be constant in each
    unit-sized block, and have exactly ceil(ratio * cells) masked units.
    """
    if image % patch != 0 or unit % patch != 0:
        raise ValueError(f'tokens of {patch} pixels do not tile {image} and {unit} pixels')
    mask = torch.as_tensor(mask, dtype=torch.float64)
    side = image // patch
    if tuple(mask.shape) != (side, side):
        raise ValueError(f'expected a {side}x{side} mask, got {tuple(mask.shape)}')
    masked = 0
    for row in coarsen(mask, unit // patch):
        for value in row:
            if value not in (0.0, 1.0):
                raise ValueError(f'mask values are 0 or 1, got {value}')
            if value == 1.0:
                masked += 1
    expected = expected_masked_units(image, unit, ratio)
    if masked != expected:
        raise ValueError(f'expected {expected} masked units, got {masked}')
