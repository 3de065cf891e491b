from typing import Any

import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS


@MODELS.register_module()
class LinearProbe(ImageClassifier):
    """An ImageClassifier of which only the head learns: the backbone's features are judged.

    The backbone stays in eval mode, without drop path, and runs without a graph. mmpretrain's
    ``frozen_stages`` would count stages in a Swin and layers in a ViT; here all of any backbone is
    frozen.

    Args:
        **kwargs: those of mmpretrain's ImageClassifier.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> 'LinearProbe':
        super().train(mode)
        self.backbone.eval()
        return self

    @torch.no_grad()
    def extract_feat(self, inputs: torch.Tensor, stage: str = 'neck') -> Any:
        """See ImageClassifier; features without a graph."""
        return super().extract_feat(inputs, stage)
