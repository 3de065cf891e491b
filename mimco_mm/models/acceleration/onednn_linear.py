"""Linear layers by oneDNN on CPUs where torch's own float32 product is slow."""

from functools import lru_cache
from pathlib import Path
from typing import Optional, Tuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from .joint_casts import CastLinear


@lru_cache
def onednn_is_faster() -> bool:
    """Whether this CPU has AVX-512 that torch's BLAS leaves unused: MKL does on others' CPUs.

    No timing decides: its chance would, where both are alike, and a resumed run, a second rank or
    the same command again would round in another way (docs/log.md).
    """
    cpuinfo = Path('/proc/cpuinfo')
    return (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, '_linear_pointwise')
            and torch.backends.cpu.get_cpu_capability() == 'AVX512'
            and cpuinfo.is_file() and 'GenuineIntel' not in cpuinfo.read_text())


class OneDNNLinear(CastLinear, nn.Linear):
    """nn.Linear, computed by oneDNN for float32 on a CPU; anything else goes torch's own way.

    In a block that is compiled as well: Inductor takes oneDNN's product of constant weights alone.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) -> (..., out_features)."""
        if (x.device.type != 'cpu' or x.dtype != torch.float32
                or self.weight.dtype != torch.float32 or torch.is_autocast_enabled('cpu')
                or torch.compiler.is_compiling()):
            return super().forward(x)
        return _Linear.apply(x, self.weight, self.bias)


class _Linear(torch.autograd.Function):
    """x W^T + b, and its gradients: that of W as a 1 x 1 convolution's, the fastest of oneDNN's."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor,
                bias: Optional[torch.Tensor]) -> torch.Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: torch.Tensor) -> Tuple[Optional[torch.Tensor], ...]:
        x, weight = ctx.saved_tensors
        grad = grad.contiguous()
        grad_x = _product(grad, weight.t(), None) if ctx.needs_input_grad[0] else None
        if not any(ctx.needs_input_grad[1:]):
            return grad_x, None, None
        _, grad_weight, grad_bias = torch.ops.aten.convolution_backward(
            _as_map(grad), _as_map(x), weight[..., None, None], weight.shape[:1],
            [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, ctx.has_bias])
        return grad_x, grad_weight.flatten(1), grad_bias


def _product(x: torch.Tensor, weight: torch.Tensor,
             bias: Optional[torch.Tensor]) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, 'none', [], '')


def _as_map(x: torch.Tensor) -> torch.Tensor:
    """Rows (..., C) as a map (1, C, N, 1) without a copy, in channels-last layout."""
    return x.flatten(0, -2)[None, :, None].permute(0, 3, 1, 2)
