"""Position embeddings and relative position tables: what they tell of a network, and resizing."""

import math
from typing import Optional, Tuple

import torch
from mmpretrain.models.utils import build_2d_sincos_position_embedding, resize_pos_embed

from .errors import CheckpointError
from .geometric import geometric_weights
from .namings import StateDict

# Learned tables over positions, whose length follows the image or window size: (1, L, C) or
# (L, heads).
EMBEDDINGS = ('pos_embed', 'absolute_pos_embed')
BIAS_TABLE = 'relative_position_bias_table'
# One for all blocks: SimMIM's ViT, and BEiT in pre-training.
SHARED_BIAS = f'rel_pos_bias.{BIAS_TABLE}'


def is_embedding(name: str) -> bool:
    return name.rpartition('.')[2] in EMBEDDINGS


def is_bias_table(name: str) -> bool:
    return name.endswith(BIAS_TABLE)


def grid_of(length: int, name: str) -> Tuple[int, int]:
    """Side of the square grid of ``length`` positions, and the extra tokens before it (0 or 1)."""
    for extra in (0, 1):
        side = math.isqrt(length - extra)
        if side * side == length - extra:
            return side, extra
    raise CheckpointError(f'{name} has {length} positions, which make no square grid, with or '
                          'without a class token: it cannot be resized.')


def is_sincos(embedding: torch.Tensor) -> bool:
    """Whether a position embedding (1, 1 + L, C) is the fixed 2-D sin-cos one of MoCo v3."""
    if embedding.ndim != 3 or embedding.shape[2] % 4:
        return False
    side = math.isqrt(embedding.shape[1] - 1)
    if side * side != embedding.shape[1] - 1:
        return False
    formula = build_2d_sincos_position_embedding(side, embedding.shape[2], cls_token=True)
    return agrees(embedding, formula)


def agrees(found: torch.Tensor, formula: torch.Tensor) -> bool:
    """Whether a file's tensor is that of a formula, to the rounding of the type it is kept in."""
    rounding = torch.finfo(found.dtype).eps if found.is_floating_point() else 0.
    return torch.allclose(found.double(), formula.double().to(found.device),
                          atol=max(1e-3, rounding))


def resize_positions(state: StateDict, wanted: StateDict, fixed: set[str],
                     geometric: bool = False) -> Tuple[StateDict, list[str]]:
    """Resize the position tables of ``state`` to those of ``wanted``, where sizes differ.

    Embeddings and bias tables are interpolated bicubically on their grids, as Swin's and DeiT's
    own code does; bias tables by SimMIM's rule where ``geometric`` says so. Tensors that the
    network has ``fixed`` by a formula are left to it, once the file's are known to follow the same
    one.

    Returns:
        The new state dict, and a line for each kind of tensor that was resized.
    """
    state, resized = dict(state), {}
    for name in sorted(state.keys() & wanted.keys()):
        value, target = state[name], wanted[name]
        if value.shape == target.shape:
            continue
        if name in fixed and (name.endswith('relative_position_index') or is_sincos(value)):
            del state[name]
            resized['computed anew'] = name.rpartition('.')[2]
        elif is_embedding(name) and value.ndim == 3 and value.shape[2] == target.shape[2]:
            state[name], note = resize_embedding(value, target.shape[1], name)
            resized[note] = name
        elif is_bias_table(name) and value.shape[-1] == target.shape[-1]:
            state[name], note = resize_bias_table(value, target.shape[0], name,
                                                   geometric)
            resized[note] = BIAS_TABLE
    return state, [f'{name} {note}' for note, name in resized.items()]


def resize_embedding(value: torch.Tensor, length: int, name: str) -> Tuple[torch.Tensor, str]:
    (source, extra), (target, wanted_extra) = grid_of(value.shape[1], name), grid_of(length, name)
    if extra != wanted_extra:
        raise CheckpointError(f'{name} has {extra} class tokens in the file, and {wanted_extra} in '
                              'the network.')
    value = resize_pos_embed(value, (source, source), (target, target), 'bicubic', extra)
    return value, f'{source} x {source} -> {target} x {target}'


def resize_bias_table(value: torch.Tensor, length: int, name: str,
                      geometric: bool) -> Tuple[torch.Tensor, str]:
    """A table ((2 w - 1)^2, heads) for windows of side w; BEiT's has 3 more rows at its end."""
    (source, extra), (target, wanted_extra) = table_side(value.shape[0]), table_side(length)
    if source is None or target is None or extra != wanted_extra:
        raise CheckpointError(f'{name} has {value.shape[0]} rows in the file and {length} in the '
                              'network: these are not tables of two square windows.')
    grid = value[:len(value) - extra].T.reshape(1, -1, source, source)
    if geometric:
        weights = geometric_weights(source, target)
        grid = weights @ grid.double() @ weights.T
    else:
        grid = torch.nn.functional.interpolate(grid.float(), (target, target), mode='bicubic')
    table = grid.flatten(2)[0].T.to(value.dtype)
    note = f'window {(source + 1) // 2} -> {(target + 1) // 2}' + ', geometrically' * geometric
    return torch.cat((table, value[len(value) - extra:])), note


def table_side(rows: int) -> Tuple[Optional[int], int]:
    for extra in (0, 3):
        side = math.isqrt(max(rows - extra, 0))
        if side % 2 and side * side == rows - extra:
            return side, extra
    return None, 0
