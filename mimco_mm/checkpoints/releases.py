"""Where the releases that people have keep the backbone: under which keys, in which branch."""

from typing import Iterable, NamedTuple, Optional

import torch

from .errors import CheckpointError
from .namings import Naming, StateDict, naming_of
from .stand_ins import Inert
from .tensors import ordinary


class Release(NamedTuple):
    """A kind of checkpoint: its backbone has ``prefix``; ``mark`` begins another of its tensors.

    ``geometric``: its authors resize relative position bias tables geometrically.
    """

    name: str
    prefix: str
    mark: str = ''
    geometric: bool = False


# The first that fits is taken. Of several encoders it names the one that is used downstream: the
# online one of MoBY and MoCo v3.
RELEASES = (
    Release('MoBY', 'encoder.', 'encoder_k.'),
    Release('MoCo v3', 'base_encoder.', 'momentum_encoder.'),
    Release('SimMIM', 'encoder.', 'decoder.', geometric=True),
    Release('encoder alone, named as by MoBY', 'encoder.', 'encoder.patch_embed.'),
    Release('encoder alone, named as by MoCo v3', 'base_encoder.', 'base_encoder.patch_embed.'),
    Release('timm model in an algorithm', 'backbone.timm_model.'),
    Release('algorithm or classifier', 'backbone.'),
    Release('CLIP', 'visual.'),
    Release('SimMIM of transformers', 'swin.', 'decoder.', geometric=True),
    Release('model of transformers', 'vit.'),
    Release('model of transformers', 'swin.'),
    Release('model of transformers', 'dinov2.'),
    Release('timm model in mmpretrain', 'timm_model.'),
    Release('bare backbone', ''),
)
# Where files keep their state dict, and which one of self-distillation's two is used downstream.
WRAPPERS = ('state_dict', 'model', 'teacher')


class Found(NamedTuple):
    """The backbone in a checkpoint.

    Attributes:
        release: where it lay.
        naming: its names' naming; None if no known one fits, then the names are as in the file.
        state: its tensors, in mmpretrain's names.
        left_out: tensors beside them that belong to no backbone.
        inside: all tensors that lay there, under the file's names.
        geometric: how its bias tables are resized, see ``Release``.
        beside: all tensors that lay elsewhere, heads for instance.
        prefix: what stood before the names of ``inside``.
    """

    release: str
    naming: Optional[Naming]
    state: StateDict
    left_out: list[str]
    inside: StateDict
    geometric: bool
    beside: StateDict
    prefix: str

    @property
    def file(self) -> StateDict:
        """All tensors, under the file's names."""
        return {**self.beside, **{self.prefix + key: value for key, value in self.inside.items()}}


def find_backbone(checkpoint: dict) -> Found:
    """The backbone in the content of a checkpoint file.

    Raises:
        CheckpointError: there are no tensors in it, or not the values of one.
    """
    wrapper = next((key for key in WRAPPERS if isinstance(checkpoint.get(key), dict)), None)
    content = checkpoint[wrapper] if wrapper else checkpoint
    state = {str(key): value for key, value in content.items()
             if isinstance(value, torch.Tensor)}
    if not state:
        raise CheckpointError(f'{_instead(checkpoint)} Expected the weights of a network, under '
                              '`state_dict`, `model`, `teacher`, or by themselves.')
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    release = next(release for release in RELEASES if has(state, release))
    inside = {key.removeprefix(release.prefix): ordinary(key, value)
              for key, value in state.items() if key.startswith(release.prefix)}
    naming = naming_of(inside)
    beside = {key: value for key, value in state.items() if not key.startswith(release.prefix)}
    contents = naming.read(inside) if naming else (inside, [])
    branch = ', branch teacher of a self-distillation' if wrapper == 'teacher' else ''
    return Found(release.name + branch, naming, *contents, inside, release.geometric, beside,
                 release.prefix)


def _instead(checkpoint: dict) -> str:
    """What a file without weights in their place holds."""
    elsewhere = [str(key) for key, value in checkpoint.items() if isinstance(value, dict)
                 and any(isinstance(part, torch.Tensor) for part in value.values())]
    pickled = [f'{key} (a {type(value).__name__})' for key, value in checkpoint.items()
               if isinstance(value, Inert)]
    if elsewhere:
        return (f'No tensors where a network has them, but under {", ".join(elsewhere)}: save what '
                'is meant by itself.')
    if pickled:
        return (f'No tensors in it, but pickled objects: {", ".join(pickled)}. These are not '
                'unpickled: save the `state_dict()` of the network.')
    return f'No tensors in it; its keys are {sorted(map(str, checkpoint))}.'


def has(names: Iterable[str], release: Release) -> bool:
    return (any(name.startswith(release.prefix) for name in names)
            and any(name.startswith(release.mark) for name in names))
