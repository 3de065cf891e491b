"""What one rank has to itself in the middle of an epoch: random states, buffers unlike others'."""

import hashlib
import random
from typing import Any, Dict, List

import numpy as np
import torch
from mmengine.dist import all_gather_object
from torch import nn


def rank_states(model: nn.Module) -> List[Dict[str, Any]]:
    """The state of each rank, in types that ``weights_only=True`` can load.

    All ranks must call it together.
    """
    hashes = all_gather_object({name: digest(buffer) for name, buffer in model.named_buffers()})
    unlike = {name for name in hashes[0] if len({one[name] for one in hashes}) > 1}
    own = {name: buffer.cpu() for name, buffer in model.named_buffers() if name in unlike}
    return all_gather_object(dict(random=random_states(), buffers=own))


def restore(model: nn.Module, state: Dict[str, Any]) -> None:
    """Give a rank its state back."""
    for name, value in state['buffers'].items():
        model.get_buffer(name).copy_(value)
    states = state['random']
    random.setstate(states['python'])
    numpy_state = np.random.get_state(legacy=False)
    numpy_state.update(states['numpy'], state=dict(
        key=states['numpy_key'].cpu().numpy().astype(np.uint32), pos=states['numpy_position']))
    np.random.set_state(numpy_state)
    torch.random.set_rng_state(states['torch'].cpu())
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())


def random_states() -> Dict[str, Any]:
    """Of Python, NumPy, torch and this rank's device."""
    of_numpy = np.random.get_state(legacy=False)
    states = dict(
        python=random.getstate(), torch=torch.random.get_rng_state(),
        numpy_key=torch.from_numpy(of_numpy['state']['key'].astype(np.int64)),
        numpy_position=of_numpy['state']['pos'],
        numpy=dict(has_gauss=of_numpy['has_gauss'], gauss=of_numpy['gauss']))
    if torch.cuda.is_available():
        states['cuda'] = torch.cuda.get_rng_state()
    return states


def digest(tensor: torch.Tensor) -> str:
    values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(values.numpy().tobytes()).hexdigest()
