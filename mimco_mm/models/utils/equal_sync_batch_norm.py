import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


class CPUSyncBatchNorm(_BatchNorm):
    """SyncBatchNorm for CPU tensors, which torch's own and DistributedDataParallel both refuse.

    Mean and variance are taken over the batches of all ranks, which must be of one size, as the
    training sampler makes them. Two plain reductions: fit for tests and small runs, not for speed.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
                                eps=self.eps)
        dtype, x = x.dtype, x.to(torch.promote_types(x.dtype, torch.float32))  # as torch's own
        others = [dim for dim in range(x.dim()) if dim != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        world_size = dist.get_world_size()
        mean = all_reduce(x.mean(others)) / world_size
        centred = x - mean.view(shape)
        var = all_reduce(centred.square().mean(others)) / world_size
        count = world_size * x.numel() / x.shape[1]
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.detach(), self.momentum)
        self.running_var.lerp_(var.detach() * count / (count - 1), self.momentum)
        x = centred * (var + self.eps).rsqrt().view(shape)
        if self.affine:
            x = x * self.weight.view(shape) + self.bias.view(shape)
        return x.to(dtype)


def convert_sync_batchnorm_to_cpu(model: nn.Module) -> nn.Module:
    """Turn every SyncBatchNorm of ``model`` into its CPU kind, in place, state and all."""
    for module in model.modules():
        if isinstance(module, nn.SyncBatchNorm):
            module.__class__ = CPUSyncBatchNorm
    return model
