import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch

StateDict = Dict[str, torch.Tensor]


class Contents(NamedTuple):
    """A backbone in mmpretrain's names, and the tensors beside it that belong to no backbone."""

    state: StateDict
    left_out: List[str]


class Naming:
    """How a library names the tensors of one architecture family, against mmpretrain's names.

    The names differ by prefixes, written as pairs in which ``{}`` stands for an index. A subclass
    adds what is more than a change of name: tensors split, stacked or re-ordered.

    Attributes:
        name: what reports and errors call it.
        family: 'Swin' or 'ViT'; only namings of one family convert into each other.
        mark: a tensor that every file in this naming has, and no other naming knows.
        pairs: (this naming's prefix, mmpretrain's prefix); the first that fits is taken.
        ignored: patterns of tensors that belong to no backbone, e.g. a classifier.
        homeless: patterns of tensors, in mmpretrain's names, that the library's model cannot hold.
    """

    name: str
    family: str
    mark: str
    pairs: Sequence[Tuple[str, str]] = ()
    ignored: Sequence[str] = ()
    homeless: Sequence[str] = ()

    def fits(self, state: StateDict) -> bool:
        return self.mark in state

    def read(self, state: StateDict) -> Contents:
        """Into mmpretrain's names. An unknown tensor keeps its name, and will be refused."""
        kept = {key: value for key, value in state.items() if not self._is_ignored(key)}
        renamed = {_rename(key, self.pairs) or key: value for key, value in kept.items()}
        return Contents(renamed, sorted(state.keys() - kept.keys()))

    def write(self, state: StateDict) -> StateDict:
        """Out of mmpretrain's names; tensors that this naming has no name for keep theirs."""
        backward = [(theirs, ours) for ours, theirs in self.pairs]
        return {_rename(key, backward) or key: value for key, value in state.items()}

    def _is_ignored(self, key: str) -> bool:
        return any(re.match(pattern, key) for pattern in self.ignored)


def _rename(key: str, pairs: Sequence[Tuple[str, str]]) -> Optional[str]:
    for source, target in pairs:
        found = re.match(re.escape(source).replace(r'\{\}', r'(\d+)'), key)
        if found:
            return target.format(*found.groups()) + key[found.end():]
    return None


def stack(state: StateDict, parts: Sequence[str], whole: str) -> StateDict:
    """Join ``X.part.Y`` of all parts, in their order, to ``X.whole.Y``."""
    stacked = dict(state)
    for key in state:
        before, found, after = key.rpartition(f'.{parts[0]}.')
        names = [f'{before}.{part}.{after}' for part in parts]
        if found and all(name in state for name in names):
            stacked[f'{before}.{whole}.{after}'] = torch.cat([stacked.pop(name) for name in names])
    return stacked


def unstack(state: StateDict, whole: str, parts: Sequence[str]) -> StateDict:
    """The reverse of ``stack``."""
    unstacked = dict(state)
    for key in state:
        before, found, after = key.rpartition(f'.{whole}.')
        if found:
            chunks = unstacked.pop(key).chunk(len(parts))
            unstacked.update({f'{before}.{part}.{after}': chunk.clone()
                              for part, chunk in zip(parts, chunks)})
    return unstacked
