"""Swin Transformer under the names of microsoft/Swin-Transformer, in float64 from its formulas.

Shifted windows without rolling: with shift s and window w, rows r and r' see each other exactly if
floor((r - s) / w) = floor((r' - s) / w), and likewise for columns. Rolling by s and masking what
the roll brought together, as the official code does, comes to the same.
"""
import re
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from .vit import Draw, double, layer_norm, linear, patches, self_attention

HIDDEN = -100.0  # the official attn_mask, added to the logits of pairs that must not see each other


def window_and_shift(size: int, window: int, block: int) -> tuple[int, int]:
    """Odd blocks shift by half a window; a map not larger than the window is one window."""
    if size <= window:
        return size, 0
    return window, window // 2 if block % 2 else 0


def relative_index(query: int, key: int, window: int) -> int:
    """Row of the bias table for two of the window's tokens, numbered row by row.

    (r - r' + w - 1)(2w - 1) + c - c' + w - 1 for the query at (r, c) and the key at (r', c').
    """
    down = query // window - key // window
    right = query % window - key % window
    return (down + window - 1) * (2 * window - 1) + right + window - 1


def relative_index_table(window: int) -> Tensor:
    """``relative_index`` of all pairs, (w * w, w * w), int64."""
    tokens = range(window * window)
    return torch.tensor([[relative_index(i, j, window) for j in tokens] for i in tokens])


def attention_mask(size: int, window: int, shift: int) -> Tensor:
    """The buffer ``attn_mask`` (windows, w * w, w * w): 0 or -100, after a roll by -shift.

    Position p of the rolled map held row (p + shift) mod size, group floor((row - shift) / w).
    """
    groups = []
    for top in range(0, size, window):
        for left in range(0, size, window):
            group = []
            for i in range(window * window):
                row = (top + i // window + shift) % size
                column = (left + i % window + shift) % size
                group.append(((row - shift) // window, (column - shift) // window))
            groups.append(group)
    return torch.tensor([[[0.0 if a == b else HIDDEN for b in group] for a in group]
                         for group in groups])


def random_swin(
    embed_dim: int = 8, depths: tuple = (2, 2), num_heads: tuple = (1, 2), window: int = 2,
    img_size: int = 32, patch: int = 4, seed: int = 0,
) -> dict:
    """A backbone's state dict with official names and buffers, MLP ratio 4.

    ``layers.S.downsample`` closes each stage but the last and halves the map; ``attn_mask`` only
    in shifted blocks.
    """
    draw = Draw(seed)
    state: dict = {}
    draw.patch_map(state, 'patch_embed.proj', embed_dim, patch)
    draw.norm(state, 'patch_embed.norm', embed_dim)
    width, size = embed_dim, img_size // patch
    for stage, (depth, heads) in enumerate(zip(depths, num_heads)):
        for block in range(depth):
            name = f'layers.{stage}.blocks.{block}'
            w, shift = window_and_shift(size, window, block)
            if size % w:
                raise ValueError(f'stage {stage}: a map of {size} in windows of {w}')
            if shift:
                state[f'{name}.attn_mask'] = attention_mask(size, w, shift)
            draw.norm(state, f'{name}.norm1', width)
            table = draw.normal((2 * w - 1) ** 2, heads)
            state[f'{name}.attn.relative_position_bias_table'] = table
            state[f'{name}.attn.relative_position_index'] = relative_index_table(w)
            draw.linear(state, f'{name}.attn.qkv', width, 3 * width)
            draw.linear(state, f'{name}.attn.proj', width, width)
            draw.norm(state, f'{name}.norm2', width)
            draw.linear(state, f'{name}.mlp.fc1', width, 4 * width)
            draw.linear(state, f'{name}.mlp.fc2', 4 * width, width)
        if stage < len(depths) - 1:
            name = f'layers.{stage}.downsample'
            draw.linear(state, f'{name}.reduction', 4 * width, 2 * width, bias=False)
            draw.norm(state, f'{name}.norm', 4 * width)
            width, size = 2 * width, size // 2
    draw.norm(state, 'norm', width)
    return state


def _segments(size: int, window: int, shift: int) -> list[slice]:
    """The groups floor((r - shift) / window) of rows 0 .. size - 1, as slices."""
    cuts = sorted({0, size, *range(shift, size, window)})
    return [slice(a, b) for a, b in zip(cuts, cuts[1:])]


def _attention(state: dict, name: str, x: Tensor, heads: int, window: int, shift: int) -> Tensor:
    """Attention within each rectangle of rows and columns that see each other, (B, H, W, C)."""
    table = state[f'{name}.relative_position_bias_table']
    if table.shape != ((2 * window - 1) ** 2, heads):
        raise ValueError(f'{name}: table {tuple(table.shape)}, window {window}, {heads} heads')
    qkv = linear(state, f'{name}.qkv', x)
    out = torch.full_like(x, float('nan'))
    for rows in _segments(x.shape[1], window, shift):
        for columns in _segments(x.shape[2], window, shift):
            part = qkv[:, rows, columns]
            # where the rectangle's tokens would stand in the window's top left corner
            tokens = [r * window + c for r in range(part.shape[1]) for c in range(part.shape[2])]
            index = torch.tensor([[relative_index(i, j, window) for j in tokens] for i in tokens])
            mixed = self_attention(part.flatten(1, 2), heads, table[index].permute(2, 0, 1))
            out[:, rows, columns] = mixed.view(*part.shape[:3], -1)
    return linear(state, f'{name}.proj', out)


def _merge(state: dict, name: str, x: Tensor, eps: float) -> Tensor:
    """(B, H, W, C) to (B, H/2, W/2, 2C): concatenate, normalise, reduce."""
    if x.shape[1] % 2 or x.shape[2] % 2:
        raise ValueError(f'{name}: cannot halve a map of {tuple(x.shape[1:3])}')
    corners = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
    x = torch.cat(corners, dim=-1)
    return linear(state, f'{name}.reduction', layer_norm(state, f'{name}.norm', x, eps))


def swin_features(
    state: dict, images: Tensor, num_heads: tuple, window: int, mask: Optional[Tensor] = None,
    eps: float = 1e-5,
) -> Tensor:
    """(B, C, H, W) after the final norm; buffers of the state are not read.

    ``mask`` (B, h, w), true where ``state['mask_token']`` replaces the patch embedding's output
    (after its norm), as SimMIM does. EsViT's and iBOT's Swins have eps 1e-6, all others 1e-5.
    """
    state = double(state)
    x = patches(images, state['patch_embed.proj.weight'], state['patch_embed.proj.bias'])
    x = layer_norm(state, 'patch_embed.norm', x, eps)
    if mask is not None:
        x = torch.where(mask.bool().unsqueeze(-1), state['mask_token'].view(-1), x)
    for stage, heads in enumerate(num_heads):
        block = 0
        while f'layers.{stage}.blocks.{block}.norm1.weight' in state:
            name = f'layers.{stage}.blocks.{block}'
            w, shift = window_and_shift(min(x.shape[1:3]), window, block)
            if x.shape[1] % w or x.shape[2] % w:
                raise ValueError(f'{name}: a map of {tuple(x.shape[1:3])} in windows of {w}')
            normed = layer_norm(state, f'{name}.norm1', x, eps)
            x = x + _attention(state, f'{name}.attn', normed, heads, w, shift)
            hidden = linear(state, f'{name}.mlp.fc1', layer_norm(state, f'{name}.norm2', x, eps))
            x = x + linear(state, f'{name}.mlp.fc2', F.gelu(hidden))
            block += 1
        if block == 0:
            raise ValueError(f'the state has no stage {stage}')
        if stage < len(num_heads) - 1:
            x = _merge(state, f'layers.{stage}.downsample', x, eps)
    return layer_norm(state, 'norm', x, eps).permute(0, 3, 1, 2).contiguous()


def swin_to_timm(encoder: dict) -> dict:
    """timm >= 1.0: each merging opens the stage after it; no index or mask buffers."""
    state = {}
    for key, value in encoder.items():
        if key.endswith(('relative_position_index', 'attn_mask')):
            continue
        found = re.fullmatch(r'layers\.(\d+)\.downsample\.(.+)', key)
        if found:
            key = f'layers.{int(found[1]) + 1}.downsample.{found[2]}'
        state[key] = value
    return state


def unfold_order(merged: Tensor) -> Tensor:
    """The last axis from Swin's order of a 2 x 2 neighbourhood to nn.Unfold's.

    Swin: part p = 0..3 is the pixel (p % 2 down, p // 2 right), channels inside, at p C + c.
    Unfold: channels outside, pixels row by row inside, at 4 c + 2 down + right.
    """
    channels = merged.shape[-1] // 4
    out = torch.empty_like(merged)
    for c in range(channels):
        for down in range(2):
            for right in range(2):
                out[..., 4 * c + 2 * down + right] = merged[..., (2 * right + down) * channels + c]
    return out


def swin_to_mmpretrain(encoder: dict) -> dict:
    """mmpretrain's names: stages, w_msa, ffn, the final norm numbered by the last stage."""
    last = max(int(key.split('.')[1]) for key in encoder if key.startswith('layers.'))
    state = {}
    for key, value in encoder.items():
        if key.endswith('attn_mask'):
            continue
        parts = key.split('.')
        if parts[0] == 'norm':
            parts[0] = f'norm{last}'
        elif parts[0] == 'patch_embed':
            parts[1] = parts[1].replace('proj', 'projection')
        elif parts[0] == 'layers':
            parts[0] = 'stages'
            if parts[2] == 'downsample':
                value = unfold_order(value)
            elif parts[4] == 'attn':
                parts[4] = 'attn.w_msa'
            elif parts[4] == 'mlp':
                parts[4:6] = {'fc1': ['ffn.layers.0.0'], 'fc2': ['ffn.layers.1']}[parts[5]]
        state['.'.join(parts)] = value
    return state
