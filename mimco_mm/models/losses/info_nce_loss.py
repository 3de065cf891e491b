from typing import Optional, Tuple

import torch
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F

# Queries at a time, at most: with the paper's 4096 keys their logits are 32 MiB, no more than the
# gradient of a large batch. Fewer would make the work of each operator too small to share.
CHUNK = 2048


@MODELS.register_module()
class InfoNCELoss(nn.Module):
    r"""The contrastive loss of Eq. (1) and (3): one positive key a query, a queue of negatives.

    .. math::
        L = \frac{1}{N} \sum_i -\log \frac{\exp(q_i \cdot k_i / \tau)}
            {\exp(q_i \cdot k_i / \tau) + \sum_j \exp(q_i \cdot k_j / \tau)}

    The paper's Eq. (1) prints :math:`q_j \cdot k_j` in the sum; j indexes the queue, so the query
    there is :math:`q_i`, as in Eq. (3) and MoBY. Logits and softmax are computed in float32 (or
    float64, if that is what comes) whatever autocast does. The N x K logits are never there all at
    once, and the queue may change as soon as the loss is computed: see ``_MeanLoss``.

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

        All of them are expected L2-normalised. Gradients reach ``q`` and ``k``, once
        differentiable.

        Raises:
            ValueError: the queue requires a gradient.
        """
        if queue.requires_grad:
            raise ValueError('The queue of InfoNCELoss is a constant, but the one that came '
                             'requires a gradient: pass `queue.detach()`.')
        with torch.autocast(q.device.type, enabled=False):
            return self.loss_weight * _MeanLoss.apply(
                *_at_least_float32(q, k, queue), self.temperature, torch.is_grad_enabled())

    def logits(self, q: torch.Tensor, k: torch.Tensor,
               queue: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Logits of the positives (N,) and of the negatives (N, K): call it without autocast."""
        q, k, queue = _at_least_float32(q, k, queue)
        return (q * k).sum(1) / self.temperature, (q / self.temperature) @ queue.T


class _MeanLoss(torch.autograd.Function):
    r"""Eq. (1) and its gradient, a chunk of queries at a time.

    .. math::
        L = \frac{1}{N} \sum_i \mathrm{softplus}(m_i), \quad
        m_i = \log \sum_j \exp(q_i \cdot k_j / \tau) - q_i \cdot k_i / \tau

        \frac{\partial L}{\partial q_i} = w_i \Big(\sum_j \mathrm{softmax}_j(q_i \cdot k_j / \tau)
        \, k_j - k_i\Big), \quad
        \frac{\partial L}{\partial k_i} = -w_i q_i, \quad
        w_i = \frac{\mathrm{sigmoid}(m_i)}{N \tau}

    L is a scalar, so backward can only scale these: they are made while the logits of a chunk are
    at hand. That takes the two products of a loss that keeps all logits, not the three of one that
    computes them anew, and leaves backward nothing to read from the queue.
    """

    @staticmethod
    def forward(ctx, q: torch.Tensor, k: torch.Tensor, queue: torch.Tensor, temperature: float,
                grad_enabled: bool) -> torch.Tensor:
        of_q, of_k = (grad_enabled and needed for needed in ctx.needs_input_grad[:2])
        grad_q = torch.empty_like(q) if of_q else None
        margin = (q * k).sum(1).div_(-temperature)
        chunk = min(CHUNK, len(q) // 2 + 1)  # few queries are halved, to save memory there too
        for start in range(0, len(q), chunk):
            rows = slice(start, start + chunk)
            margin[rows] += _log_sum_exp(
                q[rows] / temperature, queue, mean_key=grad_q[rows] if of_q else None)
        weight = (margin.sigmoid() / (len(q) * temperature)).unsqueeze(1)
        ctx.save_for_backward(grad_q.sub_(k).mul_(weight) if of_q else None,
                              weight if of_k else None, q if of_k else None)
        return F.softplus(margin).mean()

    @staticmethod
    def backward(ctx, grad: torch.Tensor):
        if torch.is_grad_enabled():
            raise RuntimeError('InfoNCELoss is differentiable once: create_graph=True has no graph '
                               'of its gradient.')
        grad_q, weight, q = ctx.saved_tensors
        return (None if grad_q is None else grad * grad_q,
                None if q is None else -grad * weight * q, None, None, None)


def _log_sum_exp(q: torch.Tensor, queue: torch.Tensor,
                 mean_key: Optional[torch.Tensor]) -> torch.Tensor:
    """log sum_j exp(q . k_j), (n,); the keys' mean under its softmax into ``mean_key`` (n, D)."""
    exp = q @ queue.T
    highest = exp.amax(1, keepdim=True)
    total = exp.sub_(highest).exp_().sum(1, keepdim=True)
    if mean_key is not None:
        mean_key.copy_(exp @ queue).div_(total)
    return (highest + total.log()).squeeze(1)


def _at_least_float32(*tensors: torch.Tensor) -> Tuple[torch.Tensor, ...]:
    return tuple(x.to(torch.promote_types(x.dtype, torch.float32)) for x in tensors)
