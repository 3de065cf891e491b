from functools import lru_cache
from typing import Optional, Tuple

import torch
from mmpretrain.models.utils import MultiheadAttention, ShiftWindowMSA
from mmpretrain.models.utils.attention import WindowMSA
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

# One kernel for student and teacher: on newer GPUs torch would take cuDNN's where the bias needs no
# gradient, and the memory-efficient one, which has a gradient of it, elsewhere.
BIASED = [kernel for name, kernel in SDPBackend.__members__.items()
          if name not in ('ERROR', 'CUDNN_ATTENTION')]
ALIGNMENT = 8  # elements: it copies a bias whose rows begin elsewhere


class FastMultiheadAttention(MultiheadAttention):
    """mmpretrain's attention of a ViT; q, k and v are split so that backward writes them once.

    Indexing one tensor three times, as the base class does, gives three gradients of its whole
    size, filled with zeros, and their sum.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, C) -> (B, N, embed_dims)."""
        q, k, v = _split_heads(self.qkv(x), self.num_heads)
        out = self.scaled_dot_product_attention(
            q, k, v, dropout_p=self.attn_drop if self.training else 0.)
        out = self.proj(out.transpose(1, 2).flatten(2))
        out = self.out_drop(self.gamma1(self.proj_drop(out)))
        return v.squeeze(1) + out if self.v_shortcut else out


class FastWindowMSA(WindowMSA):
    """mmpretrain's attention in windows, with one bias for positions and shifted windows.

    On an accelerator it runs in torch's fused attention, which never writes the attention matrix;
    on a CPU the plain products are faster (docs/log.md). A network that is frozen for good, in
    eval mode and without gradients, computes its biases once.
    """

    frozen_bias: Optional[Tuple[tuple, Optional[torch.Tensor], torch.Tensor]] = None

    def forward(self, x: torch.Tensor, mask: Optional[torch.Tensor] = None) -> torch.Tensor:
        """Windows (nW * B, N, C) -> (nW * B, N, C), with a ``mask`` (nW, N, N) where shifted."""
        q, k, v = _split_heads(self.qkv(x), self.num_heads)             # (nW * B, nH, N, d)
        dropout = self.attn_drop.p if self.training else 0.
        bias = self.bias(mask)                                          # (1 or nW, nH, N, N)
        if fused_is_faster(q):
            repeats = 1 if mask is None else len(q) // len(bias)        # windows share one bias
            bias = _Aligned.apply(bias, repeats, q.dtype)
            with sdpa_kernel(BIASED):
                out = F.scaled_dot_product_attention(q, k, v, bias, dropout, scale=self.scale)
        else:
            attention = (q * self.scale) @ k.transpose(-2, -1)
            attention = (attention.unflatten(0, (-1, len(bias))) + bias).flatten(0, 1)
            out = F.dropout(attention.softmax(-1), dropout) @ v
        return self.proj_drop(self.proj(out.transpose(1, 2).flatten(2)))

    def bias(self, mask: Optional[torch.Tensor]) -> torch.Tensor:
        """What is added to the logits: (1, nH, N, N), or (nW, nH, N, N) with a ``mask``."""
        table = self.relative_position_bias_table
        # a moving average may change without a new version; a graph holds no such state
        if self.training or table.requires_grad or torch.compiler.is_compiling():
            return self.make_bias(mask)
        state = table._version, table.data_ptr(), table.dtype
        if self.frozen_bias is None or self.frozen_bias[0] != state \
                or self.frozen_bias[1] is not mask:
            self.frozen_bias = state, mask, self.make_bias(mask)
        return self.frozen_bias[2]

    def make_bias(self, mask: Optional[torch.Tensor]) -> torch.Tensor:
        index = self.relative_position_index
        bias = self.relative_position_bias_table[index.flatten()].unflatten(0, index.shape)
        bias = bias.permute(2, 0, 1).unsqueeze(0)
        return bias.contiguous() if mask is None else bias + mask.to(bias.dtype).unsqueeze(1)


class _Aligned(torch.autograd.Function):
    """A bias (n, nH, N, N) as the fused kernel reads it, (repeats * n, nH, N, N), in one copy.

    Its rows begin at whole alignments; gradients of the repeats are summed in the bias' own type.
    """

    @staticmethod
    def forward(ctx, bias: torch.Tensor, repeats: int, dtype: torch.dtype) -> torch.Tensor:
        ctx.repeats, ctx.dtype = repeats, bias.dtype
        rows = bias.shape[-1]
        aligned = bias.new_empty((repeats, *bias.shape[:-1], rows + -rows % ALIGNMENT), dtype=dtype)
        return aligned[..., :rows].copy_(bias).flatten(0, 1)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> Tuple[torch.Tensor, None, None]:
        return grad.unflatten(0, (ctx.repeats, -1)).sum(0, dtype=ctx.dtype), None, None


class FastShiftWindowMSA(ShiftWindowMSA):
    """mmpretrain's shifted windows, without copies that change nothing.

    The base class pads a map that windows fill, and rolls one that is not shifted, by nothing. The
    mask of a shape is made once, not in every forward.
    """

    def forward(self, query: torch.Tensor, hw_shape: Tuple[int, int]) -> torch.Tensor:
        """Tokens (B, H * W, C) of a grid (H, W) -> (B, H * W, C)."""
        (height, width), size = hw_shape, self.window_size
        if height % size or width % size:
            return super().forward(query, hw_shape)
        shift = self.shift_size if self.pad_small_map or min(hw_shape) > size else 0
        x = query.unflatten(1, hw_shape)
        x = x.roll((-shift, -shift), (1, 2)) if shift else x
        windows = self.window_partition(x, size).flatten(1, 2)          # (nW * B, N, C)
        windows = self.w_msa(windows, self.get_attn_mask(hw_shape, size, shift, query.device))
        x = self.window_reverse(windows, height, width, size)           # (B, H, W, C)
        x = x.roll((shift, shift), (1, 2)) if shift else x
        return self.drop(x.flatten(1, 2))

    @staticmethod
    @lru_cache(maxsize=64)
    def get_attn_mask(hw_shape: Tuple[int, int],
                      window_size: int,
                      shift_size: int,
                      device: Optional[torch.device] = None) -> Optional[torch.Tensor]:
        """See the base class."""
        return ShiftWindowMSA.get_attn_mask(hw_shape, window_size, shift_size, device)


def fused_is_faster(x: torch.Tensor) -> bool:
    """Whether windows go through torch's fused attention: on a CPU its backward is slower."""
    return x.device.type != 'cpu'


def _split_heads(qkv: torch.Tensor, num_heads: int) -> Tuple[torch.Tensor, ...]:
    """(B, N, 3 * nH * d) -> q, k and v, each (B, nH, N, d)."""
    return qkv.unflatten(-1, (3, num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
