"""What a checkpoint is of."""

from typing import NamedTuple, Optional

from .architecture import Architecture, SwinArchitecture, ViTArchitecture
from .errors import CheckpointError
from .heads import heads_in
from .opening import open_backbone
from .releases import Found
from .variants import variant_of


class Description(NamedTuple):
    """A checkpoint with a Swin or ViT in it.

    Attributes:
        found: its backbone, in mmpretrain's names.
        sha256: of the file.
        architecture: of the backbone.
        meta: what the file says of itself; empty if it does not.
    """

    found: Found
    sha256: str
    architecture: Architecture
    meta: dict


def describe(checkpoint: str, heads: Optional[int] = None) -> Description:
    """Read a checkpoint of any known format, and tell what it is of.

    Args:
        checkpoint: path or URL.
        heads: attention heads of a ViT, where the file does not tell.

    Raises:
        CheckpointError: unreadable, or no Swin or ViT in it that is known, or one to which
            ``heads`` says nothing.
    """
    found, sha256, meta, _ = open_backbone(checkpoint)
    variant = variant_of(found.inside)
    if variant is not None:
        raise CheckpointError(f'{checkpoint}: {variant}')
    if found.naming is None:
        raise CheckpointError(f'{checkpoint} holds neither a Swin nor a ViT in a known naming; '
                              f'its first keys are {", ".join(list(found.state)[:6])}.')
    if found.naming.family == 'Swin':
        if heads is not None:
            raise CheckpointError(f'{checkpoint} holds a Swin, whose tensors tell its attention '
                                  'heads: --heads is for a ViT whose file does not tell. Leave it '
                                  'out.')
        architecture = SwinArchitecture.of(found.state)
    else:
        evidence = heads_in(found.state, found.naming, meta)
        architecture = ViTArchitecture.of(found.state, heads or (evidence and evidence.heads))
    return Description(found, sha256, architecture, meta)
