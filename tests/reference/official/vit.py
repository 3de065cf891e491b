"""Vision transformers under their official names, in float64 from the formulas.

Two of them: the plain pre-norm ViT of DeiT, DINO, iBOT and MoCo v3 (timm's names), and SimMIM's,
which has no position embedding but one relative position bias shared by all blocks (BEiT's index).
"""
import math
from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor


class Draw:
    """Seeded float32 normal tensors, scaled to keep activations near 1 through a few blocks."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        return scale * torch.randn(*shape, generator=self.generator)

    def linear(self, state: dict, name: str, inputs: int, outputs: int, bias: bool = True) -> None:
        """``name.weight`` (outputs, inputs) and, with ``bias``, ``name.bias`` (outputs,)."""
        state[f'{name}.weight'] = self.normal(outputs, inputs, scale=inputs ** -0.5)
        if bias:
            state[f'{name}.bias'] = self.normal(outputs, scale=0.2)

    def norm(self, state: dict, name: str, width: int) -> None:
        """``name.weight`` around 1 and ``name.bias`` around 0, (width,) each."""
        state[f'{name}.weight'] = 1.0 + self.normal(width, scale=0.2)
        state[f'{name}.bias'] = self.normal(width, scale=0.2)

    def patch_map(self, state: dict, name: str, width: int, patch: int, bias: bool = True) -> None:
        """``name.weight`` (width, 3, patch, patch), and ``name.bias``."""
        scale = (3 * patch ** 2) ** -0.5
        state[f'{name}.weight'] = self.normal(width, 3, patch, patch, scale=scale)
        if bias:
            state[f'{name}.bias'] = self.normal(width, scale=0.2)


def double(state: dict) -> dict:
    """The state's floating point tensors in float64; others as they are."""
    return {k: v.double() if v.is_floating_point() else v for k, v in state.items()}


def linear(state: dict, name: str, x: Tensor) -> Tensor:
    return F.linear(x, state[f'{name}.weight'], state.get(f'{name}.bias'))


def layer_norm(state: dict, name: str, x: Tensor, eps: float) -> Tensor:
    """(x - mean) / sqrt(var + eps) weight + bias over the last axis, biased variance."""
    return F.layer_norm(x, x.shape[-1:], state[f'{name}.weight'], state[f'{name}.bias'], eps)


def patches(images: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
    """(B, 3, H, W) to (B, h, w, C): one linear map for each patch."""
    return F.conv2d(images.double(), weight, bias, stride=weight.shape[-1]).permute(0, 2, 3, 1)


def self_attention(qkv: Tensor, heads: int, bias: Any = 0.0) -> Tensor:
    """softmax(q k^T / sqrt(d) + bias) v, head by head.

    ``qkv`` (B, L, 3C): all queries, then all keys, then all values; within each, head by head.
    ``bias`` (heads, L, L), added for query i and key j. Returns (B, L, C), heads side by side.
    """
    if qkv.shape[-1] % (3 * heads):
        raise ValueError(f'{qkv.shape[-1] // 3} channels do not divide into {heads} heads')
    q, k, v = qkv.chunk(3, dim=-1)
    d = q.shape[-1] // heads
    out = []
    for head in range(heads):
        part = slice(head * d, (head + 1) * d)
        logits = q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(d)
        logits = logits + (bias[head] if isinstance(bias, Tensor) else bias)
        out.append(F.softmax(logits, dim=-1) @ v[..., part])
    return torch.cat(out, dim=-1)


def as_map(tokens: Tensor, rows: int, columns: int) -> Tensor:
    """(B, rows * columns, C), row by row, to (B, C, rows, columns)."""
    return tokens.reshape(len(tokens), rows, columns, -1).permute(0, 3, 1, 2).contiguous()


def sincos_positions(width: int, rows: int, columns: int, temperature: float = 1e4,
                     columns_first: bool = False) -> Tensor:
    """MoCo v3's fixed position embedding, (1, 1 + rows * columns, width), float32.

    The token at (r, c) gets [sin(r w), cos(r w), sin(c w), cos(c w)] for the width / 4 frequencies
    w_i = temperature ** (-i / (width / 4)); the class token gets zeros (moco-v3 vits.py). MAE's
    has ``columns_first`` (mae util/pos_embed.py: "here w goes first").
    """
    if width % 4:
        raise ValueError(f'width {width} is not a multiple of 4')
    count = width // 4
    frequencies = [temperature ** (-i / count) for i in range(count)]
    table = [[0.0] * width]
    for r in range(rows):
        for c in range(columns):
            first, second = (c, r) if columns_first else (r, c)
            table.append([math.sin(first * f) for f in frequencies]
                         + [math.cos(first * f) for f in frequencies]
                         + [math.sin(second * f) for f in frequencies]
                         + [math.cos(second * f) for f in frequencies])
    return torch.tensor(table, dtype=torch.float64).float().unsqueeze(0)


def random_vit(
    width: int = 48, depth: int = 3, patch: int = 16, img_size: int = 64,
    positions: str = 'learned', layer_scale: bool = False, seed: int = 0, mlp_ratio: int = 4,
) -> dict:
    """A backbone's state dict under timm's names, as DeiT, DINO, MoCo v3 and MAE save it.

    ``positions``: 'learned' (random), 'mocov3' or 'mae' (fixed sin-cos). ``layer_scale`` adds
    ``blocks.i.ls1.gamma`` and ``ls2.gamma`` (width,). The number of heads leaves no trace.
    """
    draw = Draw(seed)
    side = img_size // patch
    state = {'cls_token': draw.normal(1, 1, width)}
    if positions == 'learned':
        state['pos_embed'] = draw.normal(1, 1 + side * side, width, scale=0.5)
    elif positions in ('mocov3', 'mae'):
        state['pos_embed'] = sincos_positions(width, side, side, columns_first=positions == 'mae')
    else:
        raise ValueError(f"positions is 'learned', 'mocov3' or 'mae', not {positions!r}")
    draw.patch_map(state, 'patch_embed.proj', width, patch)
    for i in range(depth):
        name = f'blocks.{i}'
        draw.norm(state, f'{name}.norm1', width)
        draw.linear(state, f'{name}.attn.qkv', width, 3 * width)
        draw.linear(state, f'{name}.attn.proj', width, width)
        if layer_scale:
            state[f'{name}.ls1.gamma'] = draw.normal(width, scale=0.5)
        draw.norm(state, f'{name}.norm2', width)
        draw.linear(state, f'{name}.mlp.fc1', width, mlp_ratio * width)
        draw.linear(state, f'{name}.mlp.fc2', mlp_ratio * width, width)
        if layer_scale:
            state[f'{name}.ls2.gamma'] = draw.normal(width, scale=0.5)
    draw.norm(state, 'norm', width)
    return state


def _blocks(state: dict) -> int:
    return 1 + max(int(key.split('.')[1]) for key in state if key.startswith('blocks.'))


def _finish(
    x: Tensor, rows: int, columns: int, state: dict, eps: float, block: Optional[int]
) -> tuple[Tensor, Tensor]:
    """(map, class token); the final norm unless one block's output was asked for."""
    if block is None:
        x = layer_norm(state, 'norm', x, eps)
    return as_map(x[:, 1:], rows, columns), x[:, 0]


def _depth(state: dict, block: Optional[int]) -> int:
    """How many blocks to run."""
    if block is None:
        return _blocks(state)
    if not 0 <= block < _blocks(state):
        raise ValueError(f'block {block} of {_blocks(state)}')
    return block + 1


def vit_features(
    state: dict, images: Tensor, heads: int, eps: float = 1e-6, block: Optional[int] = None
) -> tuple[Tensor, Tensor]:
    """Map (B, C, h, w) of the patch tokens and class token (B, C), after the final norm.

    x = [cls; patches] + pos; x += ls1 attn(LN(x)); x += ls2 W2 gelu(W1 LN(x)). ``block`` = k
    (0-based) gives the output of block k, without the final norm. Layer scale where the state
    has it.
    """
    state = double(state)
    x = patches(images, state['patch_embed.proj.weight'], state['patch_embed.proj.bias'])
    rows, columns = x.shape[1:3]
    cls = state['cls_token'].expand(len(x), -1, -1)
    x = torch.cat([cls, x.flatten(1, 2)], dim=1) + state['pos_embed']
    for i in range(_depth(state, block)):
        name = f'blocks.{i}'
        qkv = linear(state, f'{name}.attn.qkv', layer_norm(state, f'{name}.norm1', x, eps))
        update = linear(state, f'{name}.attn.proj', self_attention(qkv, heads))
        x = x + state.get(f'{name}.ls1.gamma', 1.0) * update
        hidden = linear(state, f'{name}.mlp.fc1', layer_norm(state, f'{name}.norm2', x, eps))
        update = linear(state, f'{name}.mlp.fc2', F.gelu(hidden))
        x = x + state.get(f'{name}.ls2.gamma', 1.0) * update
    return _finish(x, rows, columns, state, eps, block)


def relative_index(query: int, key: int, rows: int, columns: int) -> int:
    """BEiT's row of the bias table for tokens numbered 0 = class, then patches row by row.

    Patches at (r, c) and (r', c'): (r - r' + rows - 1)(2 columns - 1) + c - c' + columns - 1.
    After these (2 rows - 1)(2 columns - 1) entries come class to patch, patch to class, and
    class to class.
    """
    pairs = (2 * rows - 1) * (2 * columns - 1)
    if query == 0 and key == 0:
        return pairs + 2
    if key == 0:
        return pairs + 1
    if query == 0:
        return pairs
    down = (query - 1) // columns - (key - 1) // columns
    right = (query - 1) % columns - (key - 1) % columns
    return (down + rows - 1) * (2 * columns - 1) + right + columns - 1


def relative_index_table(rows: int, columns: int) -> Tensor:
    """``relative_index`` of all pairs, (1 + rows * columns) squared, int64."""
    tokens = range(1 + rows * columns)
    return torch.tensor([[relative_index(i, j, rows, columns) for j in tokens] for i in tokens])


def random_simmim_vit(
    width: int = 48, depth: int = 3, heads: int = 3, patch: int = 16, img_size: int = 64,
    seed: int = 0, mlp_ratio: int = 4,
) -> dict:
    """The encoder's state dict of SimMIM's ViT (vision_transformer.py), without 'encoder.'.

    No pos_embed; ``rel_pos_bias.relative_position_bias_table`` ((2h-1)(2w-1)+3, heads) shared by
    all blocks, biases of q and v only, layer scale ``gamma_1``, ``gamma_2``, and ``mask_token``.
    """
    draw = Draw(seed)
    side = img_size // patch
    state = {'cls_token': draw.normal(1, 1, width), 'mask_token': draw.normal(1, 1, width)}
    draw.patch_map(state, 'patch_embed.proj', width, patch)
    state['rel_pos_bias.relative_position_bias_table'] = draw.normal((2 * side - 1) ** 2 + 3, heads)
    state['rel_pos_bias.relative_position_index'] = relative_index_table(side, side)
    for i in range(depth):
        name = f'blocks.{i}'
        state[f'{name}.gamma_1'] = draw.normal(width, scale=0.5)
        state[f'{name}.gamma_2'] = draw.normal(width, scale=0.5)
        draw.norm(state, f'{name}.norm1', width)
        state[f'{name}.attn.q_bias'] = draw.normal(width, scale=0.2)
        state[f'{name}.attn.v_bias'] = draw.normal(width, scale=0.2)
        draw.linear(state, f'{name}.attn.qkv', width, 3 * width, bias=False)
        draw.linear(state, f'{name}.attn.proj', width, width)
        draw.norm(state, f'{name}.norm2', width)
        draw.linear(state, f'{name}.mlp.fc1', width, mlp_ratio * width)
        draw.linear(state, f'{name}.mlp.fc2', mlp_ratio * width, width)
    draw.norm(state, 'norm', width)
    return state


def simmim_vit_features(
    state: dict, images: Tensor, heads: int, mask: Optional[Tensor] = None, eps: float = 1e-6,
    block: Optional[int] = None,
) -> tuple[Tensor, Tensor]:
    """As ``vit_features`` for SimMIM's ViT; ``mask`` (B, h, w), true where the token is masked.

    The mask token replaces the output of the patch embedding. Keys have no bias.
    """
    state = double(state)
    x = patches(images, state['patch_embed.proj.weight'], state['patch_embed.proj.bias'])
    rows, columns = x.shape[1:3]
    if mask is not None:
        x = torch.where(mask.bool().unsqueeze(-1), state['mask_token'].view(-1), x)
    x = torch.cat([state['cls_token'].expand(len(x), -1, -1), x.flatten(1, 2)], dim=1)
    table = state['rel_pos_bias.relative_position_bias_table']
    if len(table) != (2 * rows - 1) * (2 * columns - 1) + 3:
        raise ValueError(f'a bias table of {len(table)} rows for a {rows} x {columns} map')
    bias = table[relative_index_table(rows, columns)].permute(2, 0, 1)
    for i in range(_depth(state, block)):
        name = f'blocks.{i}'
        q_bias, v_bias = state[f'{name}.attn.q_bias'], state[f'{name}.attn.v_bias']
        qkv = linear(state, f'{name}.attn.qkv', layer_norm(state, f'{name}.norm1', x, eps))
        qkv = qkv + torch.cat([q_bias, torch.zeros_like(q_bias), v_bias])
        update = linear(state, f'{name}.attn.proj', self_attention(qkv, heads, bias))
        x = x + state[f'{name}.gamma_1'] * update
        hidden = linear(state, f'{name}.mlp.fc1', layer_norm(state, f'{name}.norm2', x, eps))
        x = x + state[f'{name}.gamma_2'] * linear(state, f'{name}.mlp.fc2', F.gelu(hidden))
    return _finish(x, rows, columns, state, eps, block)


def vit_to_mmpretrain(encoder: dict) -> dict:
    """mmpretrain's names: layers, ln1, ln2, ffn, gamma; the final norm is a bare ``ln1``."""
    names = {'norm1': 'ln1', 'norm2': 'ln2', 'attn.qkv': 'attn.qkv', 'attn.proj': 'attn.proj',
             'mlp.fc1': 'ffn.layers.0.0', 'mlp.fc2': 'ffn.layers.1'}
    state = {}
    for key, value in encoder.items():
        if key.startswith('blocks.'):
            _, block, inner = key.split('.', 2)
            if inner in ('ls1.gamma', 'ls2.gamma'):
                inner = {'1': 'attn.gamma1.weight', '2': 'ffn.gamma2.weight'}[inner[2]]
            else:
                module, kind = inner.rsplit('.', 1)
                inner = f'{names[module]}.{kind}'
            key = f'layers.{block}.{inner}'
        elif key.startswith('norm.'):
            key = key.replace('norm.', 'ln1.')
        elif key.startswith('patch_embed.'):
            key = key.replace('.proj.', '.projection.')
        state[key] = value
    return state
