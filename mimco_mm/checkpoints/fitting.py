"""Fitting the tensors of a file to a network: each one must have its place, and the right shape."""

import re
from typing import NamedTuple, Sequence

from torch import nn

from .errors import CheckpointError
from .library_network import LibraryNetwork, convert
from .namings import NAMINGS, StateDict, naming_of
from .positions import agrees, is_embedding, is_sincos, resize_positions
from .releases import Found
from .variants import variant_of

# Learned for pre-training only; a backbone that reads no masks has no place for it.
MASK_TOKEN = 'mask_token'
# A backbone that does not put out its last map, or not normalised, has no place for its norm.
FINAL_NORM = re.compile(r'(ln1|norm\d*)\.(weight|bias)$')
# A batch norm counts its batches.
COUNTER = 'num_batches_tracked'
# Wrappers of a library's models put this before all their names.
PREFIXES = ('timm_model.', 'transformers_model.')
# How many offending tensors an error names.
SHOWN = 6
ADVICE = (
    "  Give the checkpoint of this architecture, or set the architecture to the file's.\n"
    '  What the network has on top, and is to train from scratch, is named by `fresh`.')


class Fitted(NamedTuple):
    """A state dict that covers the network, in the network's own names.

    Attributes:
        state: what the file gives.
        fresh: tensors that the file does not give, by the caller's leave.
        left_out: tensors of the backbone that the network has no place for, and needs none.
        resized: see ``resize_positions``.
    """

    state: StateDict
    fresh: list[str]
    left_out: list[str]
    resized: list[str]


def fit(network: nn.Module, found: Found, fresh: Sequence[str] = (),
        advice: str = ADVICE) -> Fitted:
    """Fit what was found in a file to a network.

    Args:
        network: initialised, so that what it fixes by formula has its values.
        found: the file's backbone.
        fresh: prefixes of tensors that the file need not have.
        advice: what the error is to say of a file that is not this network.

    Raises:
        CheckpointError: it is not exactly this network.
    """
    try:
        return _fit(network, found, fresh, advice)
    except CheckpointError as error:
        variant = variant_of(found.inside)
        if variant is None:
            raise
        raise CheckpointError(f'{variant}\n{error}') from error


def _fit(network: nn.Module, found: Found, fresh: Sequence[str], advice: str) -> Fitted:
    prefix = next((one for one in PREFIXES
                   if all(key.startswith(one) for key in network.state_dict())), '')
    wanted = {key.removeprefix(prefix): value for key, value in network.state_dict().items()}
    fixed = fixed_tensors(network, prefix)
    rows, columns = getattr(network, 'patch_resolution', (1, 1))
    if rows != columns and any(is_embedding(name) for name in wanted):
        raise CheckpointError(f'The network has {rows} x {columns} position embeddings, and files '
                              'have square grids: set a square `img_size`; the embeddings are '
                              'interpolated to each image anyway.')
    state, naming = found.state, naming_of(wanted)
    if naming and found.naming and naming.family == found.naming.family:
        state = naming.write(state)
    elif not (found.naming or isinstance(network, LibraryNetwork)
              or wanted.keys() & state.keys()):
        raise CheckpointError(
            f'Its names are of no known library ({", ".join(known.name for known in NAMINGS)}), '
            f'and not the network\'s: {", ".join(list(state)[:SHOWN])}.')
    # Bias tables of Swins keep to the rule of their release, see ``positions``.
    by_names = naming is not None and naming.family == 'Swin' and found.naming is not None
    state, others, by_library = (
        convert(network, wanted, (state, found.inside, found.file))
        if isinstance(network, LibraryNetwork) and not by_names else (state, (), ()))
    left_out = [key for key in state.keys() - wanted.keys()
                if key == MASK_TOKEN or FINAL_NORM.match(key)]
    state = {key: value for key, value in state.items() if key not in left_out}
    state, resized = resize_positions(state, wanted, fixed, found.geometric)
    missing = wanted.keys() - state.keys()
    kept = sorted(key for key in missing if key.startswith(tuple(fresh)))
    # Not every library saves what it computes.
    check(state, {key: value for key, value in wanted.items()
                  if key in state or key not in fixed.union(kept)}, fixed, advice)
    return Fitted({prefix + key: value for key, value in state.items()}, kept,
                  sorted([*left_out, *others]), [*by_library, *resized])


def fixed_tensors(network: nn.Module, prefix: str = '') -> set[str]:
    """Names of tensors that training never changes: index buffers and sin-cos positions."""
    fixed = {name for name, buffer in network.named_buffers()
             if not buffer.is_floating_point() and not name.endswith(COUNTER)}
    fixed |= {name for name, parameter in network.named_parameters()
              if name.endswith('pos_embed') and not parameter.requires_grad
              and is_sincos(parameter)}
    return {name.removeprefix(prefix) for name in fixed}


def check(state: StateDict, wanted: StateDict, fixed: set[str], advice: str = ADVICE) -> None:
    """Raise CheckpointError unless ``state`` covers ``wanted`` exactly, with finite values."""
    common = wanted.keys() & state.keys()
    same_shape = {key for key in common if state[key].shape == wanted[key].shape}
    problems = {
        'missing': wanted.keys() - state.keys(),
        'unexpected': state.keys() - wanted.keys(),
        'of another shape (file -> network)': {
            f'{key} {tuple(state[key].shape)} -> {tuple(wanted[key].shape)}'
            for key in common - same_shape
        },
        'of another type (file -> network)': {
            f'{key} {state[key].dtype} -> {wanted[key].dtype}' for key in common
            if state[key].is_floating_point() != wanted[key].is_floating_point()
        },
        'not finite': {
            key for key in common
            if state[key].is_floating_point() and not state[key].isfinite().all()
        },
        'fixed by formula, but of other values': {
            key for key in fixed & same_shape
            if not agrees(state[key], wanted[key].cpu())
        },
    }
    lines = [
        f'  {len(keys)} tensors {what}: {", ".join(sorted(keys)[:SHOWN])}'
        f'{" ..." * (len(keys) > SHOWN)}' for what, keys in problems.items() if keys
    ]
    if lines:
        raise CheckpointError('\n'.join([
            f'The file does not hold this network ({len(wanted)} tensors expected, {len(state)} '
            f'found, {len(common)} names in common):', *lines, advice
        ]))
