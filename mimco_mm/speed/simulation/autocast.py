from contextlib import contextmanager
from importlib import import_module
from typing import Iterator, Optional

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils import _foreach_utils
from torch.utils._pytree import tree_map

from .replacing import replaced

aten = torch.ops.aten
# What CUDA's autocast computes in its type, and in float32 (docs.pytorch.org/docs/stable/amp.html),
# as far as our networks and losses have it
LOWER = {F.linear, F.conv2d, torch.matmul, torch.mm, torch.bmm, torch.addmm, torch.Tensor.matmul,
         torch.Tensor.__matmul__, torch.Tensor.mm, F.scaled_dot_product_attention}
FLOAT32 = {F.layer_norm, F.softmax, F.log_softmax, torch.softmax, torch.Tensor.softmax,
           torch.norm, torch.Tensor.norm, F.normalize, F.l1_loss, F.mse_loss, F.cross_entropy,
           F.cosine_similarity}
TRUE_AUTOCAST = torch.autocast


class MetaAutocast(TRUE_AUTOCAST):
    """torch.autocast, which knows no meta device: it is on there where the CPU's is on."""

    def __init__(self, device_type: str, *args, **kwargs) -> None:
        super().__init__('cpu' if device_type == 'meta' else device_type, *args, **kwargs)


class LikeCUDA(TorchFunctionMode):
    """Does for tensors of the meta device what autocast and fused attention do on a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = {}  # autocast keeps them while it is on

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if torch.is_autocast_enabled('cpu') and (func in LOWER or func in FLOAT32):
            dtype = torch.get_autocast_dtype('cpu') if func in LOWER else torch.float32
            args, kwargs = tree_map(lambda each: self.cast(each, dtype), (args, kwargs))
        if func is F.scaled_dot_product_attention and args[0].is_meta:
            return attention(*args, **kwargs)
        return func(*args, **kwargs)

    def cast(self, value, dtype: torch.dtype):
        if not isinstance(value, torch.Tensor) or not value.is_meta \
                or not value.is_floating_point() or value.dtype is dtype:
            return value
        if not (value.is_leaf and value.requires_grad):
            return value.to(dtype)
        if id(value) not in self.weights:
            self.weights[id(value)] = value.to(dtype)
        return self.weights[id(value)]


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor,
              attn_mask: Optional[torch.Tensor] = None, dropout_p: float = 0.,
              is_causal: bool = False, scale: Optional[float] = None) -> torch.Tensor:
    """The kernels that take these: flash attention, or the memory-efficient one with a bias."""
    if attn_mask is None and q.dtype is not torch.float32:
        return aten._scaled_dot_product_flash_attention(q, k, v, dropout_p, is_causal,
                                                        scale=scale)[0]
    if attn_mask is not None:
        if attn_mask.stride(-1) != 1 or any(step % 8 for step in attn_mask.stride()[:-1]):
            keys = attn_mask.shape[-1]  # the kernel's own copy, in aligned rows
            attn_mask = F.pad(attn_mask, (0, -keys % 8))[..., :keys]
        attn_mask = attn_mask.expand(*q.shape[:-1], k.shape[-2])
    trained = torch.is_grad_enabled() and any(each.requires_grad for each in (q, k, v))
    return aten._scaled_dot_product_efficient_attention(
        q, k, v, attn_mask, trained, dropout_p, is_causal, scale=scale)[0]


@contextmanager
def like_cuda() -> Iterator[LikeCUDA]:
    """The meta device as if it were CUDA, to autocast, attention, optimizer and clipping."""
    enabled, dtype = torch.is_autocast_enabled, torch.get_autocast_dtype
    optimizer = import_module('torch.optim.optimizer')
    fused = optimizer._get_fused_kernels_supported_devices
    foreach = _foreach_utils._get_foreach_kernels_supported_devices
    with replaced(
            (torch, 'autocast', MetaAutocast),
            (torch, 'is_autocast_enabled',
             lambda kind='cuda': enabled('cpu' if kind == 'meta' else kind)),
            (torch, 'get_autocast_dtype', lambda kind: dtype('cpu' if kind == 'meta' else kind)),
            (optimizer, '_get_fused_kernels_supported_devices', lambda: [*fused(), 'meta']),
            *((module, '_get_foreach_kernels_supported_devices', lambda: [*foreach(), 'meta'])
              for module in (_foreach_utils, optimizer))), LikeCUDA() as cuda:
        yield cuda
