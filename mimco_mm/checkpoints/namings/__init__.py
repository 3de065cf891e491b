"""How libraries name the tensors of Swin and ViT. To add a library, append its naming here."""

from typing import Optional

from .naming import Contents, Naming, StateDict
from .swin import MMPretrainSwin, OfficialSwin, TimmSwin, TransformersSwin
from .transformers_dinov2 import TransformersDINOv2
from .vit import CLIPViT, MMPretrainViT, MMSegViT, OfficialViT, TimmViT, TransformersViT

# The first that fits is taken. An official Swin has timm's mark as well, so it comes first.
NAMINGS = (MMPretrainSwin(), OfficialSwin(), TimmSwin(), TransformersSwin(), MMPretrainViT(),
           TimmViT(), TransformersViT(), TransformersDINOv2(), MMSegViT(), CLIPViT())


def naming_of(state: StateDict) -> Optional[Naming]:
    """The naming that a state dict is in, told by its keys; None if no known one fits."""
    return next((naming for naming in NAMINGS if naming.fits(state)), None)


__all__ = [
    'NAMINGS', 'CLIPViT', 'Contents', 'MMPretrainSwin', 'MMPretrainViT', 'MMSegViT', 'Naming',
    'OfficialSwin', 'OfficialViT', 'StateDict', 'TimmSwin', 'TimmViT', 'TransformersSwin',
    'TransformersViT', 'naming_of'
]
