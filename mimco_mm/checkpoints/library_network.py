"""Networks of another library, which knows by itself how to read the files that it has published.

The library's conversion may drop what it has no use for, without a word. So what a network of this
kind takes is its own tensors, all of them; what it may leave are those of the library's whole
model (its heads), and what no feature depends on.
"""

import re
from typing import Dict, NamedTuple, Sequence

import torch

from .errors import CheckpointError
from .namings import StateDict

INSIDE = re.compile(r'(blocks|stages|layers?)\.\d+\..*bias$')  # a conversion may drop zeros alone


class LibraryNetwork:
    """Mixin of a network that reads files as its library does.

    Attributes:
        whole: names of the whole model's tensors, heads included, without the network's own prefix.
    """

    whole: Sequence[str]

    def converted(self, state: StateDict) -> StateDict:
        """A file's tensors in the library's present names and shapes; may raise anything."""
        raise NotImplementedError


class Converted(NamedTuple):
    """A file's tensors in a library's names.

    Attributes:
        state: those that the network wants, or that are in no model of the library.
        left_out: those of heads, and those that the library drops.
        resized: a line for each that the library has resized.
    """

    state: StateDict
    left_out: Sequence[str]
    resized: Sequence[str]


def convert(network: LibraryNetwork, wanted: StateDict, ways: Sequence[StateDict]) -> Converted:
    """Read a file by its library.

    Args:
        network: whose library it is.
        wanted: tensors of the network.
        ways: the file's tensors under several names; those count that the library knows best.

    Raises:
        CheckpointError: the library drops values that the file's network computes with.
    """
    found: Dict[int, StateDict] = {}
    for index, state in enumerate(ways):
        try:
            found[index] = network.converted(dict(state))
        except Exception:  # made for the library's own files, it fails on others anyhow
            found[index] = state
    best = max(found, key=lambda index: len(found[index].keys() & wanted.keys()))
    source, state = ways[best], found[best]
    kept = {value.data_ptr() for value in state.values()}
    dropped = [key for key in source.keys() - state.keys()
               if source[key].data_ptr() not in kept]
    lost = sorted(key for key in dropped if INSIDE.search(key) and has_values(key, source[key]))
    if lost:
        raise CheckpointError(f'{len(lost)} tensors hold values that this network has no place '
                              f'for, such as {lost[0]}: it is a relative of it. DINOv3 and EUPE '
                              'with these biases are named *_qkvb in timm.')
    heads = {key for key in state.keys() - wanted.keys() if key in network.whole}
    resized = {f'{key} {tuple(source[key].shape)} -> {tuple(value.shape)}'
               for key, value in state.items() if key in source and key in wanted
               and source[key].shape != value.shape}
    return Converted({key: value for key, value in state.items() if key not in heads},
                     sorted(heads.union(dropped)), sorted(resized))


def has_values(name: str, bias: torch.Tensor) -> bool:
    """Whether a bias does anything; of query, key and value together the key's adds nothing."""
    if name.endswith('qkv.bias') and not len(bias) % 3:
        bias = bias.view(3, -1)[::2]
    return bool(bias.any())
