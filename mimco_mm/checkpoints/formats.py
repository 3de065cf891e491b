"""Known checkpoint layouts. Each one finds the backbone in a state dict, in mmpretrain's names.

A layout is recognised from the keys alone. To add one, append a ``Format`` to ``FORMATS``: the
first whose ``matches`` is true is taken.
"""

from typing import Callable, Dict, List, NamedTuple

import torch

StateDict = Dict[str, torch.Tensor]


class Format(NamedTuple):
    """A checkpoint layout: its name, whether a state dict has it, and the backbone in that."""

    name: str
    matches: Callable[[StateDict], bool]
    backbone: Callable[[StateDict], StateDict]


def has_prefix(prefix: str) -> Callable[[StateDict], bool]:
    return lambda state: any(key.startswith(prefix) for key in state)


def strip_prefix(prefix: str) -> Callable[[StateDict], StateDict]:
    return lambda state: {
        key[len(prefix):]: value
        for key, value in state.items() if key.startswith(prefix)
    }


FORMATS: List[Format] = [
    Format('algorithm or classifier of mmpretrain', has_prefix('backbone.'),
           strip_prefix('backbone.')),
    Format('bare backbone of mmpretrain', has_prefix('patch_embed.projection.'), dict),
]
