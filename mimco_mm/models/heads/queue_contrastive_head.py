import torch
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F

from ..utils import KeyQueue


@MODELS.register_module()
class QueueContrastiveHead(BaseModule):
    """Predictor p2, the key queue and the contrastive loss of one level (Eq. 1-4).

    Args:
        predictor: config of p2.
        loss: config of the loss; its backward must not read the queue, which has moved on by then.
        feat_dim: D, the width of queries and keys.
        queue_len: K, the number of negatives (4096 in the paper).
        num_queues: 1 for MimCo; MoBY keeps one for each of its two views.
    """

    def __init__(self,
                 predictor: dict,
                 loss: dict,
                 feat_dim: int = 256,
                 queue_len: int = 4096,
                 num_queues: int = 1) -> None:
        super().__init__()
        self.predictor = MODELS.build(predictor)
        self.loss_module = MODELS.build(loss)
        self.queues = nn.ModuleList(KeyQueue(queue_len, feat_dim) for _ in range(num_queues))

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        """p2: (B, D, H, W) -> (B, D, H, W)."""
        return self.predictor(x)

    def loss(self, q: torch.Tensor, k: torch.Tensor, queue: int = 0) -> torch.Tensor:
        """The loss of queries (N, D) and their keys (N, D), neither normalised yet."""
        return self.loss_module(_normalize(q), _normalize(k), self.queues[queue].keys)

    def enqueue(self, k: torch.Tensor, queue: int = 0) -> None:
        """Keep the keys (B, D) as negatives of later steps: call it after the loss."""
        self.queues[queue].enqueue(_normalize(k))


def _normalize(x: torch.Tensor) -> torch.Tensor:
    """Rows of unit length, at least in float32: bfloat16 would leave them 0.4 % off."""
    return F.normalize(x.to(torch.promote_types(x.dtype, torch.float32)), dim=1)
