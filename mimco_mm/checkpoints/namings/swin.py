"""Swin's tensors as its authors, timm and transformers name and order them."""

import re

import torch

from .naming import Contents, Naming, StateDict, stack, unstack

# Where the four neighbours of a merged patch, (row, column) 00, 10, 01, 11 in the official code,
# stand among nn.Unfold's 00, 01, 10, 11, which mmpretrain, mmdet and mmseg use.
NEIGHBOURS = [0, 2, 1, 3]
MERGING = re.compile(r'stages\.\d+\.downsample\.(norm|reduction)\.')
FINAL_NORM = re.compile(r'norm(\d*)\.(weight|bias)$')


class MMPretrainSwin(Naming):
    """mmpretrain's own names; mmdet's and mmseg's Swin have the same."""

    name = 'mmpretrain Swin'
    family = 'Swin'
    mark = 'stages.0.blocks.0.attn.w_msa.qkv.weight'
    ignored = (r'.*\.attn_mask$', r'head\.')

    def read(self, state: StateDict) -> Contents:
        state, left_out = super().read(state)
        return Contents(final_norm_to(state, f'norm{last_stage(state)}'), left_out)


class OfficialSwin(Naming):
    """The names of Swin, MoBY, SimMIM and EsViT."""

    name = 'official Swin'
    family = 'Swin'
    mark = 'layers.0.downsample.reduction.weight'
    pairs = (
        ('patch_embed.proj.', 'patch_embed.projection.'),
        ('layers.{}.blocks.{}.attn.', 'stages.{}.blocks.{}.attn.w_msa.'),
        ('layers.{}.blocks.{}.mlp.fc1.', 'stages.{}.blocks.{}.ffn.layers.0.0.'),
        ('layers.{}.blocks.{}.mlp.fc2.', 'stages.{}.blocks.{}.ffn.layers.1.'),
        ('layers.{}.', 'stages.{}.'),
    )
    ignored = (r'.*\.attn_mask$', r'head', r'masked_embed$')

    def read(self, state: StateDict) -> Contents:
        state, left_out = super().read(state)
        state = {key: unfold_order(value) if MERGING.match(key) else value
                 for key, value in state.items()}
        return Contents(final_norm_to(state, f'norm{last_stage(state)}'), left_out)

    def write(self, state: StateDict) -> StateDict:
        state = {key: official_order(value) if MERGING.match(key) else value
                 for key, value in state.items()}
        return super().write(final_norm_to(state, 'norm'))


class TimmSwin(OfficialSwin):
    """timm >= 0.9: a merging belongs to the stage after it, and buffers are not saved."""

    name = 'timm Swin'
    mark = 'layers.1.downsample.reduction.weight'

    def read(self, state: StateDict) -> Contents:
        return super().read(move_merging(state, -1))

    def write(self, state: StateDict) -> StateDict:
        state = move_merging(super().write(state), +1)
        return {key: value for key, value in state.items()
                if not key.endswith('.relative_position_index')}


class TransformersSwin(OfficialSwin):
    """``SwinModel`` of transformers: query, key and value apart."""

    name = 'transformers Swin'
    mark = 'encoder.layers.0.blocks.0.attention.self.query.weight'
    block, ours = 'encoder.layers.{}.blocks.{}.', 'stages.{}.blocks.{}.'
    pairs = (
        ('embeddings.patch_embeddings.projection.', 'patch_embed.projection.'),
        ('embeddings.norm.', 'patch_embed.norm.'),
        ('embeddings.mask_token', 'mask_token'),
        ('embeddings.position_embeddings', 'absolute_pos_embed'),
        (f'{block}attention.output.dense.', f'{ours}attn.w_msa.proj.'),
        (f'{block}attention.self.', f'{ours}attn.w_msa.'),
        (f'{block}layernorm_before.', f'{ours}norm1.'),
        (f'{block}layernorm_after.', f'{ours}norm2.'),
        (f'{block}intermediate.dense.', f'{ours}ffn.layers.0.0.'),
        (f'{block}output.dense.', f'{ours}ffn.layers.1.'),
        ('encoder.layers.{}.', 'stages.{}.'),
        ('layernorm.', 'norm.'),
    )
    ignored = (r'classifier\.', r'pooler\.')

    def read(self, state: StateDict) -> Contents:
        return super().read(stack(state, ('query', 'key', 'value'), 'qkv'))

    def write(self, state: StateDict) -> StateDict:
        return unstack(super().write(state), 'qkv', ('query', 'key', 'value'))


def last_stage(state: StateDict) -> int:
    return max(int(key.split('.')[1]) for key in state if key.startswith('stages.'))


def final_norm_to(state: StateDict, name: str) -> StateDict:
    """Rename the final norm, ``norm`` in most libraries, ``norm3`` of a Swin with four stages."""
    last = f'norm{last_stage(state)}'
    return {re.sub(rf'^(norm|{last})\.', f'{name}.', key): value for key, value in state.items()}


def unfold_order(value: torch.Tensor) -> torch.Tensor:
    """A merging's tensor (..., 4 C) from the official order of its inputs to nn.Unfold's."""
    if value.shape[-1] % 4:
        return value  # no merging's: its shape will be refused
    grouped = value.unflatten(-1, (4, -1))[..., NEIGHBOURS, :]
    return grouped.transpose(-1, -2).flatten(-2)


def official_order(value: torch.Tensor) -> torch.Tensor:
    """The reverse of ``unfold_order``."""
    grouped = value.unflatten(-1, (-1, 4))[..., NEIGHBOURS]
    return grouped.transpose(-1, -2).flatten(-2)


def move_merging(state: StateDict, step: int) -> StateDict:
    """Add ``step`` to the stage in the names of the mergings."""
    return {
        re.sub(r'^layers\.(\d+)(\.downsample\.)',
               lambda found: f'layers.{int(found[1]) + step}{found[2]}', key): value
        for key, value in state.items()
    }
