from typing import Mapping

import torch

from .errors import CheckpointError

SHOWN = 4  # names in an error


def check_whole(state: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> None:
    """Raise CheckpointError unless ``state`` has all tensors of ``wanted``, in shape, and no other.
    """
    problems = {
        'missing in it': wanted.keys() - state.keys(),
        'unknown to the model': state.keys() - wanted.keys(),
        'of another shape': {key for key in wanted.keys() & state.keys()
                             if wanted[key].shape != getattr(state[key], 'shape', None)},
    }
    told = [f'{len(keys)} tensors are {what} ({", ".join(sorted(keys)[:SHOWN])}'
            f'{" ..." * (len(keys) > SHOWN)})' for what, keys in problems.items() if keys]
    if told:
        raise CheckpointError('; '.join(told))
