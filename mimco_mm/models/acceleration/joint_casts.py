"""Weights of a block cast by one kernel under autocast, where torch launches one for each."""

from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Tuple

import torch
from mmpretrain.models.backbones.swin_transformer import SwinBlock
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class CastLinear(nn.Linear):
    """nn.Linear, with the weights that its block has cast for it, if it has."""

    cast: Optional[Tuple[torch.Tensor, Optional[torch.Tensor]]] = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) -> (..., out_features)."""
        weight, bias = self.cast or (self.weight, self.bias)
        return F.linear(x, weight, bias)


class JointCasts:
    """A block that casts the weights of its linear layers together, and their gradients.

    The values are autocast's. A block that is compiled, or recomputed in backward, leaves them to
    it.
    """

    with_cp = False

    def forward(self, x: torch.Tensor, *args: Any) -> torch.Tensor:
        """See the base class."""
        kind = 'cpu' if x.is_meta else x.device.type  # meta has no autocast of its own
        if self.with_cp or torch.compiler.is_compiling() or not torch.is_autocast_enabled(kind):
            return super().forward(x, *args)
        with joint_casts(self, torch.get_autocast_dtype(kind)):
            return super().forward(x, *args)


@contextmanager
def joint_casts(block: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """Let the float32 linear layers of a block compute with weights of another type."""
    layers = [layer for layer in block.modules()
              if isinstance(layer, CastLinear) and layer.weight.dtype is torch.float32]
    weights = [weight for layer in layers for weight in (layer.weight, layer.bias)
               if weight is not None]
    casts = iter(_Cast.apply(dtype, *weights) if weights else ())
    for layer in layers:
        layer.cast = next(casts), None if layer.bias is None else next(casts)
    try:
        yield
    finally:
        for layer in layers:
            layer.cast = None


class _Cast(torch.autograd.Function):
    """Tensors to another type, and gradients back to the tensors' own, each by one kernel."""

    @staticmethod
    def forward(ctx, dtype: torch.dtype, *tensors: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.dtype = tensors[0].dtype
        return tuple(copies(tensors, dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Optional[torch.Tensor]) -> Tuple[Optional[torch.Tensor], ...]:
        wide = iter(copies([grad for grad in grads if grad is not None], ctx.dtype))
        return None, *(None if grad is None else next(wide) for grad in grads)


def copies(tensors: List[torch.Tensor], dtype: torch.dtype) -> List[torch.Tensor]:
    targets = [torch.empty_like(tensor, dtype=dtype) for tensor in tensors]
    if targets:
        torch._foreach_copy_(targets, list(tensors))
    return targets


class FastSwinBlock(JointCasts, SwinBlock):
    """mmpretrain's block of a Swin, see ``JointCasts``."""


class FastTransformerEncoderLayer(JointCasts, TransformerEncoderLayer):
    """mmpretrain's block of a ViT, see ``JointCasts``."""
