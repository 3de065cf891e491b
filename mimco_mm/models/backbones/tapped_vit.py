from typing import Tuple

import torch
from mmpretrain.models.backbones import VisionTransformer
from mmpretrain.registry import MODELS


@MODELS.register_module()
class TappedViT(VisionTransformer):
    """A ViT whose every output goes through the one final norm, for detectors and segmenters.

    mmpretrain's VisionTransformer norms the last layer's output only. iBOT's segmentation
    (``out_with_norm``) puts all tapped layers through it, so that the maps of a pyramid are of one
    scale, and no norm starts untrained. Positions are trained, as iBOT does.

    Args:
        **kwargs: those of mmpretrain's VisionTransformer, less ``final_norm``.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.final_norm = False  # the base's `forward` has none left to apply: outputs are normed

    def _format_output(self, x: torch.Tensor, hw: Tuple[int, int]) -> torch.Tensor:
        """An output, normed, as ``out_type`` says, of tokens (B, 1 + L, C) on a grid ``hw``."""
        return super()._format_output(self.ln1(x), hw)
