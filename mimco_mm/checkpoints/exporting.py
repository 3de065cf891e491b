"""Writing a backbone as other libraries, and its authors' own code, want it."""

import re
from typing import List, NamedTuple, Optional, Tuple

import torch
from mmpretrain.registry import MODELS

from .architecture import Architecture, ViTArchitecture
from .describing import describe
from .errors import CheckpointError
from .fitting import fit
from .libraries import LIBRARIES
from .namings import MMPretrainSwin, Naming, StateDict
from .networks import network_config
from .official import CODE
from .releases import Found

TARGETS = {**LIBRARIES, **CODE}
ADVICE = ('  It is a variant, of which what is missing, on top or of another shape changes the '
          'features: an export\n  would load, and compute others. It may still be loaded by the '
          'code that it comes from.')


class Move(NamedTuple):
    """Where the tensors ``sources`` of a file went: ``target`` of ``shape``, and how."""

    sources: Tuple[str, ...]
    target: str
    shape: Tuple[int, ...]
    how: str


class Export(NamedTuple):
    """A backbone ready to be saved for a library.

    Attributes:
        source: what was found in the file.
        sha256: of the file.
        architecture: of the backbone.
        state: its tensors in the library's names.
        moves: one for each tensor of ``state``.
        left_out: tensors of the file's backbone that the library does not get.
        meta: what the file says of itself.
    """

    source: Found
    sha256: str
    architecture: Architecture
    state: StateDict
    moves: List[Move]
    left_out: List[str]
    meta: dict


def prepare_export(checkpoint: str, library: str, heads: Optional[int] = None) -> Export:
    """Read a checkpoint of any known format, and name its backbone as ``library`` does.

    Args:
        checkpoint: path or URL.
        library: a key of ``TARGETS``.
        heads: attention heads of a ViT, where the file does not tell.

    Raises:
        CheckpointError: no known Swin or ViT in it, or not exactly the one that the library
            builds: a tensor is missing, on top, or of another shape.
    """
    about = describe(checkpoint, heads)
    found, architecture, target = about.found, about.architecture, TARGETS[library]
    family = found.naming.family
    naming = target.namings.get(family)
    if naming is None:
        others = [name for name, other in TARGETS.items() if family in other.namings]
        raise CheckpointError(f'{library} has no {family}, which this file holds; --to takes it '
                              f'to {", ".join(others)}.')
    try:
        whole = whole_network(found, architecture, naming)
        target.network(architecture)  # must be describable
    except CheckpointError as error:
        raise CheckpointError(f'{checkpoint} cannot be exported to {library} as '
                              f'{architecture}.\n{error}') from error
    homeless = [key for key in whole if any(re.match(p, key) for p in naming.homeless)]
    if homeless:
        raise CheckpointError(f"{library}'s {family} has no place for "
                              f'{", ".join(homeless[:3])} ({len(homeless)} such tensors).')
    state = naming.write(whole)
    moves = trace(found, naming, state)
    moved = {source for move in moves for source in move.sources}
    return Export(found, about.sha256, architecture, state, moves,
                  sorted(found.inside.keys() - moved), about.meta)


def whole_network(found: Found, architecture: Architecture, naming: Naming) -> StateDict:
    """The tensors of a network as its authors published it, in mmpretrain's names; no fewer.

    Raises:
        CheckpointError: the file's network is another, so that its tensors alone do not make it.
    """
    if isinstance(architecture, ViTArchitecture):
        if architecture.relative:
            raise CheckpointError('This ViT has no position embedding, but relative positions '
                                  '(SimMIM, BEiT): such a ViT can be loaded, not exported.')
        if architecture.pre_norm:
            raise CheckpointError('This ViT has a norm before its blocks, as CLIP has: whether its '
                                  'activation is GELU or QuickGELU cannot be told from the file. '
                                  'Such a ViT can be loaded, not exported.')
    config = network_config(architecture)
    if isinstance(naming, MMPretrainSwin):  # a detector's norms of lower stages have their place
        config['out_indices'] = tuple(
            stage for stage in range(len(architecture.depths))
            if f'norm{stage}.weight' in found.state or stage in config['out_indices'])
    fitted = fit(MODELS.build(config), found, advice=ADVICE)
    if fitted.resized:
        raise CheckpointError('The stages of this Swin have windows of several sizes (' +
                              ', '.join(fitted.resized) + ' tokens), which no config describes.')
    return fitted.state


def trace(found: Found, naming: Naming, state: StateDict) -> List[Move]:
    """Where each tensor of ``state`` came from: the way is gone once more by tensors of numbers."""
    names = list(found.inside)
    numbers = {name: torch.tensor(number).expand(found.inside[name].shape)
               for number, name in enumerate(names)}
    moves = []
    for target, value in naming.write(found.naming.read(numbers).state).items():
        if target not in state:
            continue
        first_of_rows = value.flatten(1)[:, 0] if value.ndim > 1 else value
        sources = tuple(names[number] for number in first_of_rows.unique().tolist())
        source = found.inside[sources[0]]
        if len(sources) > 1:
            how = 'joined'
        elif source.numel() != value.numel():
            how = 'split'
        else:
            same = torch.equal(source.reshape(value.shape), state[target])
            how = '' if same else 're-ordered'
        moves.append(Move(sources, target, tuple(value.shape), how))
    return moves
