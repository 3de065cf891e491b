from typing import Tuple

import torch
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F


@MODELS.register_module()
class InfoNCELoss(nn.Module):
    r"""The contrastive loss of Eq. (1) and (3): one positive key a query, a queue of negatives.

    .. math::
        L = \frac{1}{N} \sum_i -\log \frac{\exp(q_i \cdot k_i / \tau)}
            {\exp(q_i \cdot k_i / \tau) + \sum_j \exp(q_i \cdot k_j / \tau)}

    The paper's Eq. (1) prints :math:`q_j \cdot k_j` in the sum; j indexes the queue, so the query
    there is :math:`q_i`, as in Eq. (3) and MoBY. Logits and softmax are computed in float32 (or
    float64, if that is what comes) whatever autocast does.

    Args:
        temperature: tau, 0.2 in the paper.
        loss_weight: factor on the loss.
    """

    def __init__(self, temperature: float = 0.2, loss_weight: float = 1.) -> None:
        super().__init__()
        self.temperature = temperature
        self.loss_weight = loss_weight

    def forward(self, q: torch.Tensor, k: torch.Tensor, queue: torch.Tensor) -> torch.Tensor:
        """The mean loss over queries ``q`` (N, D) with positives ``k`` (N, D), ``queue`` (K, D).

        All of them are expected L2-normalised.
        """
        with torch.autocast(q.device.type, enabled=False):
            positive, negatives = self.logits(q, k, queue)
            # -log(e^p / (e^p + sum_j e^n_j)) = softplus(log sum_j e^n_j - p)
            return self.loss_weight * F.softplus(negatives.logsumexp(1) - positive).mean()

    def logits(self, q: torch.Tensor, k: torch.Tensor,
               queue: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Logits of the positives (N,) and of the negatives (N, K): call it without autocast."""
        q, k, queue = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (q, k, queue))
        return (q * k).sum(1) / self.temperature, (q / self.temperature) @ queue.T
