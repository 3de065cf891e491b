from typing import Dict, List, Optional

import torch
from mmpretrain.models.selfsup import BaseSelfSupervisor
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from ..utils import MomentumCopy, global_average, tokens


@MODELS.register_module()
class MoBY(BaseSelfSupervisor):
    """MoBY (arXiv 2105.04553), stage 1 for Swin: its ``backbone`` becomes MimCo's teacher.

    Two views of an image pass an online branch (encoder, projector, predictor) and a key branch
    (encoder, projector: moving averages of the online ones); each view's query is contrasted with
    the other view's key against that view's own queue, and both losses are added.

    Args:
        backbone: the encoder; its last output is a map (B, C, H, W) after the final norm.
        neck: the projector.
        head: predictor, two queues and the loss, see ``QueueContrastiveHead``.
        key_drop_path_rate: drop path of the key encoder (0 in MoBY, 0.2 online).
        base_momentum: momentum of the key branch at the first step; it rises to 1 with the global
            step (the official code counts its own steps, and starts anew on resume).
        data_preprocessor: see mmpretrain's ``SelfSupDataPreprocessor``.
    """

    def __init__(self,
                 backbone: dict,
                 neck: dict,
                 head: dict,
                 key_drop_path_rate: float = 0.,
                 base_momentum: float = 0.99,
                 data_preprocessor: Optional[dict] = None) -> None:
        super().__init__(
            backbone=backbone, neck=neck, head=head, data_preprocessor=data_preprocessor)
        self.key_backbone = MomentumCopy(
            MODELS.build({**backbone, 'drop_path_rate': key_drop_path_rate}), base_momentum)
        self.key_neck = MomentumCopy(self.neck, base_momentum)

    def init_weights(self) -> None:
        """Initialise the online branch, then let the key branch start as its copy."""
        super().init_weights()
        self.key_backbone.copy_(self.backbone)
        self.key_neck.copy_(self.neck)

    def loss(self, inputs: List[torch.Tensor], data_samples: List[DataSample],
             **kwargs) -> Dict[str, torch.Tensor]:
        """Both directions of MoBY's loss for two views, each (B, 3, h, w)."""
        view_1, view_2 = inputs
        q1, q2 = self.query(view_1), self.query(view_2)               # (B, D)
        self.key_backbone.update(self.backbone)
        self.key_neck.update(self.neck)
        k1, k2 = self.key(view_1), self.key(view_2)                   # (B, D)
        losses = dict(
            loss_12=self.head.loss(q1, k2, queue=1), loss_21=self.head.loss(q2, k1, queue=0))
        self.head.enqueue(k1, queue=0)
        self.head.enqueue(k2, queue=1)
        return losses

    def query(self, view: torch.Tensor) -> torch.Tensor:
        """Predictor(projector(GAP(encoder(view)))), (B, D)."""
        return tokens(self.head.predict(self.neck(global_average(self.backbone(view)[-1]))))

    @torch.no_grad()
    def key(self, view: torch.Tensor) -> torch.Tensor:
        """The key branch's projector(GAP(encoder(view))), (B, D)."""
        return tokens(self.key_neck(global_average(self.key_backbone(view)[-1])))
