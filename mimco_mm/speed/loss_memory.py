"""Peak memory and time of the contrastive loss, beside one that keeps all its logits."""

import statistics
from typing import Callable, Dict, Tuple

import torch
from torch.nn import functional as F

from ..errors import ConfigError
from ..models import InfoNCELoss
from .memory import PeakMemory
from .turns import take_turns

TEMPERATURE = 0.2
HEAD = ('| queries | plain, MiB | chunked, MiB | ratio | plain, ms | chunked, ms | ratio '
        '| loss apart | gradient apart |\n' + '|' + '--:|' * 9)

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def check_device(device: str) -> torch.device:
    """The device, where there is one.

    Raises:
        ConfigError: no such kind, or none of it here.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f'--device {device} cannot be used: '
                          f'{str(error).splitlines()[0]}') from error
    return torch.device(device)


def plain_loss(q: torch.Tensor, k: torch.Tensor, queue: torch.Tensor) -> torch.Tensor:
    """Eq. (1) as autograd differentiates it: the logits (N, K) wait for backward."""
    positive, negatives = (q * k).sum(1) / TEMPERATURE, (q / TEMPERATURE) @ queue.T
    return F.softplus(negatives.logsumexp(1) - positive).mean()


def forward_backward(loss: Loss, q: torch.Tensor, k: torch.Tensor,
                     queue: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """(loss, gradient of the queries (N, D))."""
    value = loss(q, k, queue)
    gradient, = torch.autograd.grad(value, q)
    return value.detach(), gradient


def memory_row(queries: int, keys: int, dim: int, device: torch.device, repeats: int) -> str:
    """One line of the table: both losses on so many random queries (N, D)."""
    torch.manual_seed(0)
    inputs = [F.normalize(torch.randn(n, dim, device=device), dim=1)
              for n in (queries, queries, keys)]
    inputs[0].requires_grad_()
    losses: Dict[str, Loss] = dict(plain=plain_loss, chunked=InfoNCELoss(TEMPERATURE))
    plain, chunked = (forward_backward(loss, *inputs) for loss in losses.values())
    apart = [((b - a).norm() / a.norm()).item() for a, b in zip(plain, chunked)]
    del plain, chunked
    peaks = []
    for loss in losses.values():
        with PeakMemory(device) as peak:
            forward_backward(loss, *inputs)
        peaks.append(peak.bytes / 2**20)
    seconds = take_turns({name: lambda loss=loss: forward_backward(loss, *inputs)
                          for name, loss in losses.items()}, repeats, device, bar=False)
    times = [[1e3 * one for one in own] for own in seconds.values()]
    medians = [statistics.median(own) for own in times]
    return ' | '.join([f'| {queries:,}', *(f'{peak:,.1f}' for peak in peaks),
                       f'{peaks[1] / peaks[0]:.3f}',
                       *(f'{median:,.0f} ({min(own):,.0f} to {max(own):,.0f})'
                         for median, own in zip(medians, times)),
                       f'{medians[1] / medians[0]:.2f}', *(f'{x:.0e}' for x in apart)]) + ' |'
