import torch
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F


@MODELS.register_module()
class FeatureRegressionHead(BaseModule):
    """Table 7's rival of the contrastive patch loss: l1 regression of the teacher's features.

    It stands where the patch level's contrastive head stands, with identity necks around it: a
    1 x 1 convolution predicts the teacher's features after its final norm (like MaskFeat, whose
    details the paper leaves open), and there is no queue.

    Args:
        in_channels: C of student and teacher.
        loss_weight: factor on the loss.
    """

    def __init__(self, in_channels: int, loss_weight: float = 1.) -> None:
        super().__init__()
        self.predictor = nn.Conv2d(in_channels, in_channels, kernel_size=1)
        self.loss_weight = loss_weight

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return self.predictor(x)

    def loss(self, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        """Mean absolute error of predictions (N, C) and teacher features (N, C)."""
        with torch.autocast(q.device.type, enabled=False):
            return self.loss_weight * F.l1_loss(q.to(k.dtype), k)

    def enqueue(self, k: torch.Tensor) -> None:
        """Regression has no negatives to keep."""
