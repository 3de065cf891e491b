"""What the tensors of a backbone tell of its architecture."""

import re
from dataclasses import dataclass
from typing import Optional, Tuple, Union

import torch

from .errors import CheckpointError
from .namings import StateDict
from .positions import SHARED_BIAS, grid_of, table_side


def tensor(state: StateDict, name: str, ndim: int) -> torch.Tensor:
    """A tensor that every network of the family has."""
    value = state.get(name)
    if value is None or value.ndim != ndim:
        found = 'not there' if value is None else f'of shape {tuple(value.shape)}'
        raise CheckpointError(
            f"{name} (in mmpretrain's names; {ndim} dimensions expected) is {found}: this is no "
            'Swin or ViT as its authors published it, but a variant that is not known here, such '
            'as SwinV2 or a ViT with SwiGLU.')
    return value


@dataclass(frozen=True)
class SwinArchitecture:
    """Of a Swin: ``width`` in channels, ``patch`` in px, ``window`` in tokens."""

    width: int
    depths: Tuple[int, ...]
    heads: Tuple[int, ...]
    window: int
    patch: int
    mlp_ratio: float

    @classmethod
    def of(cls, state: StateDict) -> 'SwinArchitecture':
        blocks = re.findall(r'stages\.(\d+)\.blocks\.(\d+)\.norm1\.weight', '\n'.join(state))
        stages = range(1 + max((int(stage) for stage, _ in blocks), default=0))
        tables = [
            tensor(state, f'stages.{stage}.blocks.0.attn.w_msa.relative_position_bias_table', 2)
            for stage in stages]
        width, _, patch, _ = tensor(state, 'patch_embed.projection.weight', 4).shape
        side, _ = table_side(len(tables[0]))
        if side is None:
            raise CheckpointError(f'The table of relative positions of this Swin has '
                                  f'{len(tables[0])} rows: not those of a square window.')
        return cls(
            width=width,
            depths=tuple(sum(int(s) == stage for s, _ in blocks) for stage in stages),
            heads=tuple(table.shape[1] for table in tables),
            window=(side + 1) // 2,
            patch=patch,
            mlp_ratio=len(tensor(state, 'stages.0.blocks.0.ffn.layers.0.0.bias', 1)) / width)

    @property
    def stride(self) -> int:
        """Side of a token of the last map, in px."""
        return self.patch * 2**(len(self.depths) - 1)

    @property
    def channels(self) -> int:
        """Of the last map."""
        return self.width * 2**(len(self.depths) - 1)

    @property
    def image_size(self) -> int:
        """Side of the images whose last map is one window, in px."""
        return self.stride * self.window


@dataclass(frozen=True)
class ViTArchitecture:
    """Of a ViT: ``width`` and ``hidden`` in channels, ``image_size`` and ``patch`` in px.

    ``relative`` means one table of relative positions for all blocks, in place of an embedding.
    """

    width: int
    depth: int
    heads: int
    hidden: int
    image_size: int
    patch: int
    layer_scale: bool = False
    pre_norm: bool = False
    relative: bool = False

    @classmethod
    def of(cls, state: StateDict, heads: Optional[int]) -> 'ViTArchitecture':
        relative = SHARED_BIAS in state
        if relative:
            rows = len(tensor(state, SHARED_BIAS, 2))
            span, _ = table_side(rows)
            if span is None:
                raise CheckpointError(f'{SHARED_BIAS} has {rows} rows: not those of a square grid.')
            side = (span + 1) // 2
        elif 'pos_embed' in state:
            side, _ = grid_of(tensor(state, 'pos_embed', 3).shape[1], 'pos_embed')
        else:
            raise CheckpointError('This ViT has neither a position embedding nor a table of '
                                  'relative positions that all blocks share; a fine-tuned SimMIM '
                                  'or BEiT has one in each block, which is not known here.')
        if heads is None:
            raise CheckpointError('The number of attention heads of this ViT cannot be told from '
                                  'the file: give it with --heads.')
        width, _, patch, _ = tensor(state, 'patch_embed.projection.weight', 4).shape
        if heads < 1 or width % heads:
            raise CheckpointError(f'This ViT is {width} wide, which {heads} heads do not divide.')
        return cls(
            width=width,
            depth=len([key for key in state if re.match(r'layers\.\d+\.ln1\.weight', key)]),
            heads=heads,
            hidden=len(tensor(state, 'layers.0.ffn.layers.0.0.bias', 1)),
            image_size=side * patch,
            patch=patch,
            layer_scale='layers.0.attn.gamma1.weight' in state or 'layers.0.gamma_1' in state,
            pre_norm='pre_norm.weight' in state,
            relative=relative)

    @property
    def stride(self) -> int:
        """Side of a token, in px."""
        return self.patch

    @property
    def channels(self) -> int:
        """Of the last map."""
        return self.width


Architecture = Union[SwinArchitecture, ViTArchitecture]
# (width, depth) -> the name that the configs have for the paper's networks
NETWORKS = {(96, (2, 2, 6, 2)): 'swin-t', (128, (2, 2, 18, 2)): 'swin-b', (384, 12): 'vit-s',
            (768, 12): 'vit-b'}


def network_name(architecture: Architecture) -> Optional[str]:
    """'swin-t', 'swin-b', 'vit-s' or 'vit-b'; None for any other."""
    a = architecture
    return NETWORKS.get((a.width, a.depths if isinstance(a, SwinArchitecture) else a.depth))
