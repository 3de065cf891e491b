from typing import Optional, Tuple

import torch
from mmpretrain.models.selfsup import SimMIMSwinTransformer
from mmpretrain.registry import MODELS

from ..utils import expand_mask


@MODELS.register_module()
class MaskedSwinTransformer(SimMIMSwinTransformer):
    """The Swin student: SimMIM's Swin, fed with masks on the grid of mask units.

    SimMIM's own class wants the mask on the 4-px token grid; here any grid that divides it will do,
    so that one 7 x 7 mask of 32-px units serves the tokens (56 x 56) and the features (7 x 7).
    The mask token replaces the output of the patch embedding (SimMIM).

    Args:
        patch_size: side of a token in px, as in mmpretrain's plain Swin Transformer.
        window_size: side of an attention window in tokens, likewise.
        **kwargs: those of mmpretrain's SimMIMSwinTransformer.
    """

    def __init__(self, patch_size: int = 4, window_size: int = 7, **kwargs) -> None:
        super().__init__(
            patch_cfg=dict(kernel_size=patch_size, stride=patch_size),
            stage_cfgs=dict(window_size=window_size),
            **kwargs)

    def forward(self,
                x: torch.Tensor,
                mask: Optional[torch.Tensor] = None) -> Tuple[torch.Tensor, ...]:
        """Features (B, C, H, W) of images (B, 3, h, w), after the final norm.

        ``mask`` (B, h', w'), 1 = masked; without one this is the plain Swin Transformer.
        """
        if mask is not None:
            height, width = self.patch_embed.projection.stride
            mask = expand_mask(mask, (x.shape[-2] // height, x.shape[-1] // width))
        return super().forward(x, mask)
