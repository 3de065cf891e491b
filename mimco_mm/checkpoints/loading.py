import hashlib
from dataclasses import dataclass
from typing import Dict, List, Tuple

import torch
from torch import nn

from .errors import CheckpointError
from .formats import FORMATS, StateDict
from .reading import read_checkpoint

# Learned for pre-training only; a backbone that reads no masks has no place for it.
PRETRAINING_ONLY = ('mask_token', )
# How many offending tensors an error names.
SHOWN = 6


@dataclass(frozen=True)
class LoadReport:
    """What a loading did, in one line: file, hash, layout, coverage."""

    path: str
    sha256: str
    layout: str
    matched: int
    parameters: int
    dropped: Tuple[str, ...]

    def __str__(self) -> str:
        dropped = f', left out: {", ".join(self.dropped)}' if self.dropped else ''
        return (f'{self.path} (sha256 {self.sha256[:12]}, {self.layout}): {self.matched} of '
                f'{self.matched} tensors matched, {self.parameters / 1e6:.1f} M parameters'
                f'{dropped}')


def load_backbone(network: nn.Module, path: str, config_key: str) -> LoadReport:
    """Load a checkpoint into ``network``, and refuse anything less than an exact fit.

    Tensors that the network fixes by formula must have the same values in the file: names and
    shapes of a ViT-S with learned positions and 6 heads (DeiT) are those of MoCo v3's with 12.

    Args:
        network: a backbone, initialised, so that its fixed tensors have their values.
        path: the checkpoint file.
        config_key: the config key that names the file, for the error messages.

    Raises:
        CheckpointError: file unreadable, layout unknown, tensors missing, unexpected, of another
            shape, of other fixed values, or not finite.
    """
    try:
        state = tensors_of(read_checkpoint(path))
        layout, state = find_backbone(state)
        dropped = tuple(key for key in PRETRAINING_ONLY
                        if key in state and key not in network.state_dict())
        state = {key: value for key, value in state.items() if key not in dropped}
        check_fit(network, state)
    except CheckpointError as error:
        raise CheckpointError(f'Cannot load {type(network).__name__} from '
                              f'`{config_key}`={path!r}:\n{error}') from error
    network.load_state_dict(state)
    return LoadReport(
        path=str(path),
        sha256=sha256_of(path),
        layout=layout,
        matched=len(state),
        parameters=sum(p.numel() for p in network.parameters()),
        dropped=dropped)


def tensors_of(checkpoint: dict) -> StateDict:
    """The state dict in a checkpoint: itself, or under ``state_dict`` or ``model``."""
    for key in ('state_dict', 'model'):
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    state = {key: value for key, value in checkpoint.items() if isinstance(value, torch.Tensor)}
    if not state:
        raise CheckpointError(f'No tensors in it; its keys are {sorted(map(str, checkpoint))}.')
    return {key.removeprefix('module.'): value for key, value in state.items()}


def find_backbone(state: StateDict) -> Tuple[str, StateDict]:
    """Name of the layout, and the backbone's tensors in mmpretrain's names."""
    for layout in FORMATS:
        if layout.matches(state):
            return layout.name, layout.backbone(state)
    known = '; '.join(layout.name for layout in FORMATS)
    raise CheckpointError(f'Its layout is unknown. Known ones: {known}. Its first keys: '
                          f'{", ".join(list(state)[:SHOWN])}.')


def check_fit(network: nn.Module, state: StateDict) -> None:
    """Raise CheckpointError unless ``state`` covers ``network`` exactly, with finite values."""
    wanted = network.state_dict()
    common = wanted.keys() & state.keys()
    problems: Dict[str, List[str]] = {
        'missing': sorted(wanted.keys() - state.keys()),
        'unexpected': sorted(state.keys() - wanted.keys()),
        'of another shape (file -> network)': [
            f'{key} {tuple(state[key].shape)} -> {tuple(wanted[key].shape)}'
            for key in sorted(common) if state[key].shape != wanted[key].shape
        ],
        'not finite': [
            key for key in sorted(common)
            if state[key].is_floating_point() and not state[key].isfinite().all()
        ],
        'fixed by formula, but of other values': [
            key for key in sorted(fixed_tensors(network) & common)
            if state[key].shape == wanted[key].shape
            and not torch.allclose(state[key].double(), wanted[key].double().cpu(), atol=1e-3)
        ],
    }
    lines = [
        f'  {len(keys)} tensors {what}: {", ".join(keys[:SHOWN])}{" ..." * (len(keys) > SHOWN)}'
        for what, keys in problems.items() if keys
    ]
    if lines:
        raise CheckpointError('\n'.join([
            f'The file does not hold this network ({len(wanted)} tensors expected, {len(state)} '
            f'found, {len(common)} names in common):', *lines,
            "  Give the checkpoint of this architecture, or set the architecture to the file's."
        ]))


def fixed_tensors(network: nn.Module) -> set:
    """Names of tensors that training never changes: index buffers and sin-cos positions.

    MoCo v3's ViT keeps its sin-cos positions in a ``pos_embed`` that takes no gradient.
    """
    fixed = {name for name, buffer in network.named_buffers() if not buffer.is_floating_point()}
    positions = getattr(network, 'pos_embed', None)
    if positions is not None and not positions.requires_grad:
        fixed.add('pos_embed')
    return fixed


def sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()
