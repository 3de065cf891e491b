from typing import Optional, Tuple

import torch
from mmengine.model.weight_init import trunc_normal_
from mmpretrain.models.selfsup import MoCoV3ViT
from mmpretrain.models.utils import resize_pos_embed
from mmpretrain.registry import MODELS
from torch import nn

from ..utils import expand_mask


@MODELS.register_module()
class MaskedMoCoV3ViT(MoCoV3ViT):
    """The ViT student: MoCo v3's architecture, with SimMIM's mask tokens.

    The architecture must equal the teacher's (12 heads in ViT-S, fixed 2-D sin-cos positions); the
    mask token enters before the class token and the positions, so that masked tokens know where
    they are. It is initialised as in SimMIM, truncated normal (std 0.02) within +-0.02.

    Args:
        out_type: as in mmpretrain's VisionTransformer; 'featmap' gives (B, C, H, W).
        **kwargs: those of mmpretrain's MoCoV3ViT.
    """

    def __init__(self, out_type: str = 'featmap', **kwargs) -> None:
        super().__init__(out_type=out_type, **kwargs)
        # mmpretrain fixes the positions in init_weights, after the optimizer and the distributed
        # wrapper have looked at what needs a gradient.
        self.pos_embed.requires_grad = False
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))

    def init_weights(self) -> None:
        super().init_weights()
        trunc_normal_(self.mask_token, std=.02, a=-.02, b=.02)

    def forward(self,
                x: torch.Tensor,
                mask: Optional[torch.Tensor] = None) -> Tuple[torch.Tensor, ...]:
        """Features (B, C, H, W) of images (B, 3, h, w), after the final norm.

        ``mask`` (B, h', w'), 1 = masked; without one this is the plain ViT of MoCo v3.
        """
        if mask is None:
            return super().forward(x)
        x, grid = self.patch_embed(x)                                       # (B, L, C)
        mask = expand_mask(mask, grid).flatten(1).unsqueeze(-1).bool()      # (B, L, 1)
        x = torch.where(mask, self.mask_token.to(x.dtype), x)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1)    # (B, 1 + L, C)
        x = x + resize_pos_embed(self.pos_embed, self.patch_resolution, grid,
                                 mode=self.interpolate_mode, num_extra_tokens=1)
        x = self.pre_norm(self.drop_after_pos(x))
        for layer in self.layers:
            x = layer(x)
        return (self._format_output(self.ln1(x), grid), )
