from math import cos, pi
from typing import Optional

import torch
from mmengine.logging import MessageHub
from mmpretrain.models.utils import CosineEMA
from torch import nn


class FastCosineEMA(CosineEMA):
    """mmpretrain's moving average, of all parameters at once, with its steps counted on the host.

    The base class reads their number from the device for every parameter. And it moves in every
    iteration, this one once in a step of accumulated gradients, at the momentum of the iteration.
    """

    host_steps: Optional[torch.Tensor] = None

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """See the base class; ``steps`` is read once, and counted on."""
        if self.host_steps is None:
            self.host_steps = self.steps.cpu().clone()
        hub = MessageHub.get_current_instance()
        if self.host_steps and hub.get_info('accumulating', False):
            self.steps += 1  # the model is as it was
        elif self.update_buffers or self.host_steps == 0 or self.host_steps % self.interval:
            super().update_parameters(model)
        else:
            total = hub.get_info('max_iters')
            annealing = (cos(pi * self.host_steps / float(total)) + 1) / 2
            momentum = self.end_momentum - (self.end_momentum - self.momentum) * annealing
            averages = list(self.module.parameters())
            torch._foreach_mul_(averages, 1 - momentum)
            torch._foreach_add_(averages, list(model.parameters()), alpha=momentum)
            for average, buffer in zip(self.module.buffers(), model.buffers()):
                average.copy_(buffer)
            self.steps += 1
        self.host_steps += 1

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.host_steps = None
