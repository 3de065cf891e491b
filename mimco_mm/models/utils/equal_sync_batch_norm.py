from typing import Optional, Tuple

import torch
from mmengine.dist import all_gather, all_reduce, get_world_size
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


class EqualSyncBatchNorm(_BatchNorm):
    """SyncBatchNorm for ranks that bring batches of one size, as the training sampler makes them.

    torch's own lets the host wait for the device three times a layer, to leave out ranks without
    images, and refuses CPU tensors, as DistributedDataParallel refuses it there. This one waits for
    nothing: one gather forward, one reduction backward. Its gradients are those of torch's own:
    weight and bias have their rank's, which the wrapper averages.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, ...) -> (B, C, ...), by mean and variance over all ranks while it trains."""
        if not self.training and self.running_mean is not None:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
                                eps=self.eps)
        mean, var = global_statistics(x)
        if self.training and self.running_mean is not None:
            count = x.numel() // x.shape[1] * get_world_size()
            self.num_batches_tracked.add_(1)
            momentum = 1. / self.num_batches_tracked if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(var * (count / (count - 1)), momentum)
        return _Normalise.apply(x, self.weight, self.bias, mean, var, self.eps)


@torch.no_grad()
def global_statistics(x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance (C,) of (B, C, ...) over all ranks, at least in float32."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    var, mean = torch.var_mean(x, _all_but_channels(x), correction=0)
    means, variances = torch.stack(all_gather(torch.stack([mean, var]))).unbind(1)  # (ranks, C)
    spread, mean = torch.var_mean(means, 0, correction=0)
    return mean, variances.mean(0) + spread


class _Normalise(torch.autograd.Function):
    """(x - mean) / sqrt(var + eps) * weight + bias, where mean and var are those of all ranks."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: Optional[torch.Tensor],
                bias: Optional[torch.Tensor], mean: torch.Tensor, var: torch.Tensor,
                eps: float) -> torch.Tensor:
        ctx.save_for_backward(x, weight, mean, var)
        ctx.eps = eps
        return F.batch_norm(x, mean, var, weight, bias, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        x, weight, mean, var = ctx.saved_tensors
        invstd = (var + ctx.eps).rsqrt()
        # CUDA's kernel wants the saved statistics, and sums nothing where there is no weight
        some_weight = torch.ones_like(mean) if weight is None else weight
        _, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            grad, x, some_weight, mean, var, mean, invstd, False, ctx.eps, [False, True, True])
        means = torch.stack([of_weight, of_bias]).to(mean.dtype)        # (2, C)
        all_reduce(means)
        mean_weight, mean_bias = means / (x.numel() // x.shape[1] * get_world_size())
        scale = invstd if weight is None else invstd * weight
        shape = [1, -1] + [1] * (x.dim() - 2)
        of_x = (x - mean.view(shape)).mul_((-scale * invstd * mean_weight).view(shape))
        of_x.addcmul_(grad, scale.view(shape)).sub_((scale * mean_bias).view(shape))
        affine = (None, None) if weight is None else (of_weight, of_bias)
        return of_x.to(x.dtype), *affine, None, None, None


def convert_sync_batchnorm(model: nn.Module) -> nn.Module:
    """Turn every SyncBatchNorm of ``model`` into the one for equal batches, in place, state and
    all."""
    for module in model.modules():
        if isinstance(module, nn.SyncBatchNorm):
            module.__class__ = EqualSyncBatchNorm
    return model


def _all_but_channels(x: torch.Tensor) -> Tuple[int, ...]:
    return tuple(dim for dim in range(x.dim()) if dim != 1)
