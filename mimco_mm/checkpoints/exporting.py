"""Writing a backbone as other libraries want it."""

import json
import re
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import torch

from .architecture import Architecture, SwinArchitecture, ViTArchitecture
from .backbone_file import save_backbone, save_safetensors, save_whole
from .describing import describe
from .errors import CheckpointError
from .fitting import MASK_TOKEN
from .namings import (
    MMPretrainSwin,
    MMPretrainViT,
    MMSegViT,
    Naming,
    OfficialSwin,
    StateDict,
    TimmSwin,
    TimmViT,
    TransformersSwin,
    TransformersViT,
)
from .networks import transformers_config
from .releases import Found


def save_openmmlab(out: Path, state: StateDict, architecture: Architecture) -> None:
    heads = architecture.heads if isinstance(architecture, ViTArchitecture) else None
    save_backbone(out, state, heads)


def save_mmseg(out: Path, state: StateDict, architecture: Architecture) -> None:
    """As for mmpretrain, but mmseg's own ViT reads names without a prefix."""
    if isinstance(architecture, SwinArchitecture):
        save_openmmlab(out, state, architecture)
    else:
        save_whole(out, dict(state_dict=state))


def save_official(out: Path, state: StateDict, architecture: Architecture) -> None:
    save_whole(out, dict(model=state))


def save_timm(out: Path, state: StateDict, architecture: Architecture) -> None:
    if out.suffix != '.safetensors':
        raise CheckpointError(f'timm reads {out.suffix or "no suffix"} by unpickling: give a file '
                              'name that ends in .safetensors.')
    save_safetensors(out, state)


def save_transformers(out: Path, state: StateDict, architecture: Architecture) -> None:
    config = transformers_config(architecture)
    image = dict(
        image_processor_type='ViTImageProcessor', do_resize=True, do_rescale=True,
        do_normalize=True, size=dict(height=config['image_size'], width=config['image_size']),
        resample=3, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
    out.mkdir(parents=True, exist_ok=True)
    (out / 'config.json').write_text(json.dumps(config, indent=2) + '\n')
    (out / 'preprocessor_config.json').write_text(json.dumps(image, indent=2) + '\n')
    save_safetensors(out / 'model.safetensors', state)


class Target(NamedTuple):
    """What a library reads: its naming of each family, and how its files are saved."""

    namings: Dict[str, Naming]
    save: Callable[[Path, StateDict, Architecture], None]


TARGETS = dict(
    mmpretrain=Target(dict(Swin=MMPretrainSwin(), ViT=MMPretrainViT()), save_openmmlab),
    mmdet=Target(dict(Swin=MMPretrainSwin(), ViT=MMPretrainViT()), save_openmmlab),
    mmseg=Target(dict(Swin=MMPretrainSwin(), ViT=MMSegViT()), save_mmseg),
    timm=Target(dict(Swin=TimmSwin(), ViT=TimmViT()), save_timm),
    official=Target(dict(Swin=OfficialSwin(), ViT=TimmViT()), save_official),
    transformers=Target(dict(Swin=TransformersSwin(), ViT=TransformersViT()), save_transformers),
)


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
    """

    source: Found
    sha256: str
    architecture: Architecture
    state: StateDict
    moves: List[Move]
    left_out: List[str]


def prepare_export(checkpoint: str, library: str, heads: Optional[int] = None) -> Export:
    """Read a checkpoint of any known format, and name its backbone as ``library`` does.

    Args:
        checkpoint: path or URL.
        library: a key of ``TARGETS``.
        heads: attention heads of a ViT, where the file does not tell.

    Raises:
        CheckpointError: no known Swin or ViT in it, or one that the library does not have.
    """
    about = describe(checkpoint, heads)
    found, architecture = about.found, about.architecture
    if isinstance(architecture, ViTArchitecture) and architecture.relative:
        raise CheckpointError('This ViT has no position embedding, but relative positions '
                              '(SimMIM, BEiT): such a ViT can be loaded, not exported.')
    naming = TARGETS[library].namings[found.naming.family]
    homeless = [key for key in found.state if any(re.match(p, key) for p in naming.homeless)]
    if homeless:
        raise CheckpointError(f"{library}'s {found.naming.family} has no place for "
                              f'{", ".join(homeless[:3])} ({len(homeless)} such tensors).')
    state = naming.write(unmasked(found.state))
    moves = trace(found, naming, state)
    moved = {source for move in moves for source in move.sources}
    return Export(found, about.sha256, architecture, state, moves,
                  sorted(found.inside.keys() - moved))


def unmasked(state: StateDict) -> StateDict:
    """Without the mask token, which no transfer needs."""
    return {key: value for key, value in state.items() if key != MASK_TOKEN}


def trace(found: Found, naming: Naming, state: StateDict) -> List[Move]:
    """Where each tensor of ``state`` came from: the way is gone once more by tensors of numbers."""
    names = list(found.inside)
    numbers = {name: torch.tensor(number).expand(found.inside[name].shape)
               for number, name in enumerate(names)}
    moves = []
    for target, value in naming.write(unmasked(found.naming.read(numbers).state)).items():
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
