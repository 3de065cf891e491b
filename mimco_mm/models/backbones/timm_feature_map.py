from typing import Tuple

import torch
from mmpretrain.models.backbones import TIMMBackbone
from mmpretrain.registry import MODELS

from ...errors import ConfigError


@MODELS.register_module()
class TimmFeatureMap(TIMMBackbone):
    """Any model of timm, as a backbone with a feature map: for teachers that mmpretrain lacks.

    Args:
        model_name: of timm, e.g. 'vit_base_patch16_clip_quickgelu_224'.
        block: index of the block (of the stage, in Swin) that is put out; the last by default.
        **kwargs: those of mmpretrain's TIMMBackbone, which hands them to ``timm.create_model``.
    """

    def __init__(self, model_name: str, block: int = -1, **kwargs) -> None:
        super().__init__(model_name, **kwargs)
        if not hasattr(self.timm_model, 'forward_intermediates'):
            raise ConfigError(f'{model_name} of this timm has no `forward_intermediates`, which '
                              'gives feature maps. Take a newer timm, or another `model_name`.')
        self.block = block

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        """Features (B, C, H, W) of images (B, 3, h, w), after the final norm.

        timm norms an earlier block of a ViT as well, but no earlier stage of a Swin.
        """
        return tuple(self.timm_model.forward_intermediates(
            x, indices=[self.block], norm=True, output_fmt='NCHW', intermediates_only=True))
