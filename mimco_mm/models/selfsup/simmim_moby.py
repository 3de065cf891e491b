from typing import Any, Dict, List

import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from ...errors import ConfigError
from ..utils import batch_masks
from .moby import MoBY


@MODELS.register_module()
class SimMIMMoBY(MoBY):
    """'SimMIM + MoBY', Table 10's multi-task baseline: both methods on one online encoder.

    Two views pass MoBY, a third one, masked, passes SimMIM: the encoder's last map is decoded into
    pixels. There is no teacher but MoBY's own key branch. The paper says no more of it than the
    name and three times the effective epochs of its epochs; what is assumed is in
    docs/open_questions.md.

    Args:
        backbone: the encoder of all three; takes (images, mask), mask may be None.
        decoder: from the encoder's map to pixels, mmpretrain's ``SimMIMLinearDecoder``.
        pixel_head: SimMIM's loss, mmpretrain's ``SimMIMHead``; its ``patch_size`` is the side of a
            mask unit in px.
        pixel_loss_weight: factor on it; MoBY's two losses have 1.
        **kwargs: those of MoBY.
    """

    def __init__(self,
                 backbone: dict,
                 decoder: dict,
                 pixel_head: dict,
                 pixel_loss_weight: float = 1.,
                 **kwargs: Any) -> None:
        super().__init__(backbone=backbone, **kwargs)
        self.decoder = MODELS.build(decoder)
        self.pixel_head = MODELS.build(pixel_head)
        self.pixel_loss_weight = pixel_loss_weight

    def loss(self, inputs: List[torch.Tensor], data_samples: List[DataSample],
             **kwargs) -> Dict[str, torch.Tensor]:
        """MoBY's losses of the first two views, SimMIM's of the third, each (B, 3, h, w)."""
        *views, x = inputs
        losses = super().loss(views, data_samples)
        mask = batch_masks(data_samples)                              # (B, units), host
        if mask is None:
            raise ConfigError('SimMIM + MoBY needs a mask for its third view: put a MaskGenerator '
                              'into `train_pipeline`, after MultiView.')
        mask = mask.to(x.device, non_blocking=True)
        pixels = self.decoder(self.backbone(x, mask)[-1])             # (B, 3, h, w)
        losses['loss_pixel'] = self.pixel_loss_weight * self.pixel_head.loss(pixels, x, mask)
        return losses
