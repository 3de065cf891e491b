import math
from copy import deepcopy

import torch
from mmengine.logging import MessageHub
from torch import nn


def cosine_momentum(base: float, step: int, total: int) -> float:
    """MoBY's momentum: ``base`` at step 0, 1 at step ``total``, half a cosine between them."""
    return 1. - (1. - base) * (math.cos(math.pi * step / total) + 1.) / 2.


class MomentumCopy(nn.Module):
    """A copy of a module whose parameters follow it as an exponential moving average.

    The copy gets no gradient; buffers (BN's running statistics) stay its own, as in MoBY. Its
    momentum rises from ``base_momentum`` to 1 with the run's global step, which mmengine keeps in
    the MessageHub and restores on resume: there is no counter here that could start anew.

    Args:
        module: the module to follow; the copy is taken now.
        base_momentum: momentum at step 0 (0.99 in MoBY).
    """

    def __init__(self, module: nn.Module, base_momentum: float = 0.99) -> None:
        super().__init__()
        self.base_momentum = base_momentum
        self.module = deepcopy(module).requires_grad_(False)

    def momentum(self) -> float:
        """The momentum of the current training step.

        Raises:
            RuntimeError: no runner has told the step.
        """
        hub = MessageHub.get_current_instance()
        step, total = hub.get_info('iter'), hub.get_info('max_iters')
        if step is None or not total:
            raise RuntimeError(
                f'The momentum depends on the training step, but MessageHub has iter={step} and '
                f'max_iters={total}. Train with a Runner, or set both with '
                '`MessageHub.get_current_instance().update_info(...)`.')
        return cosine_momentum(self.base_momentum, step, total)

    @torch.no_grad()
    def copy_(self, source: nn.Module) -> None:
        """Take over the parameters and buffers of ``source``."""
        self.module.load_state_dict(source.state_dict())

    @torch.no_grad()
    def update(self, source: nn.Module) -> None:
        """copy <- m * copy + (1 - m) * source, for all parameters at once.

        Once in an optimizer step: not again while gradients are accumulated for it, between which
        the source stands still (``AccumulationHook`` tells).
        """
        copies = list(self.module.parameters())  # an identity neck has none
        if copies and not MessageHub.get_current_instance().get_info('accumulating', False):
            torch._foreach_lerp_(copies, list(source.parameters()), 1. - self.momentum())

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)
