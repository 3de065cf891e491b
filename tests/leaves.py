"""What two checkpoints must share, bit for bit, to be of one run."""

from typing import Any, Dict, Iterator, List, Sequence, Tuple, Union

import torch

Leaf = Union[torch.Tensor, int, float]
PARTS = ('state_dict', 'optimizer', 'param_schedulers')


def leaves(value: Any, path: str = '') -> Iterator[Tuple[str, Leaf]]:
    """Every tensor and number of a checkpoint, by path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f'{path}/{key}')
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from leaves(inner, f'{path}/{index}')
    elif isinstance(value, (torch.Tensor, int, float)):
        yield path, value


def run_state(checkpoint: dict, parts: Sequence[str] = PARTS) -> Dict[str, Dict[str, Leaf]]:
    """{part: its leaves}, none of them empty; ``meta`` says where in its run it was saved."""
    found = {part: dict(leaves(checkpoint[part])) for part in parts}
    found['meta'] = {f'/{key}': checkpoint['meta'][key] for key in ('epoch', 'iter', 'seed')}
    assert all(found.values()), f'a part of {list(found)} is empty'
    return found


def differing(wanted: Dict[str, Dict[str, Leaf]], found: Dict[str, Dict[str, Leaf]]) -> List[str]:
    """What is not the same in both, or not in both: 'part/path' of each."""
    return [f'{part}{path}' for part in {**wanted, **found}
            for path in {**wanted.get(part, {}), **found.get(part, {})}
            if not _same(wanted.get(part, {}).get(path), found.get(part, {}).get(path))]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) or isinstance(other, torch.Tensor):
        return type(one) is type(other) and torch.equal(one, other)
    return None not in (one, other) and one == other
