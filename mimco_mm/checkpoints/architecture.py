"""What the tensors of a backbone tell of its architecture."""

import re
from dataclasses import dataclass
from typing import Optional, Tuple, Union

from .errors import CheckpointError
from .namings import StateDict
from .positions import grid_of, table_side


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
        stages = range(1 + max(int(stage) for stage, _ in blocks))
        tables = [state[f'stages.{stage}.blocks.0.attn.w_msa.relative_position_bias_table']
                  for stage in stages]
        width, _, patch, _ = state['patch_embed.projection.weight'].shape
        side, _ = table_side(len(tables[0]))
        return cls(
            width=width,
            depths=tuple(sum(int(s) == stage for s, _ in blocks) for stage in stages),
            heads=tuple(table.shape[1] for table in tables),
            window=(side + 1) // 2,
            patch=patch,
            mlp_ratio=len(state['stages.0.blocks.0.ffn.layers.0.0.bias']) / width)


@dataclass(frozen=True)
class ViTArchitecture:
    """Of a ViT: ``width`` and ``hidden`` in channels, ``image_size`` and ``patch`` in px."""

    width: int
    depth: int
    heads: int
    hidden: int
    image_size: int
    patch: int
    layer_scale: bool = False
    pre_norm: bool = False

    @classmethod
    def of(cls, state: StateDict, heads: Optional[int]) -> 'ViTArchitecture':
        if heads is None:
            raise CheckpointError('The number of attention heads of this ViT cannot be told from '
                                  'the file: give it with --heads.')
        if 'pos_embed' not in state:
            raise CheckpointError('This ViT has no position embedding, but relative positions '
                                  '(SimMIM, BEiT): such a ViT can be loaded, not exported.')
        width, _, patch, _ = state['patch_embed.projection.weight'].shape
        if width % heads:
            raise CheckpointError(f'This ViT is {width} wide, which {heads} heads do not divide.')
        side, _ = grid_of(state['pos_embed'].shape[1], 'pos_embed')
        return cls(
            width=width,
            depth=len([key for key in state if re.match(r'layers\.\d+\.ln1\.weight', key)]),
            heads=heads,
            hidden=len(state['layers.0.ffn.layers.0.0.bias']),
            image_size=side * patch,
            patch=patch,
            layer_scale='layers.0.attn.gamma1.weight' in state,
            pre_norm='pre_norm.weight' in state)


Architecture = Union[SwinArchitecture, ViTArchitecture]
# (width, depth) -> the name that the configs have for the paper's networks
NETWORKS = {(96, (2, 2, 6, 2)): 'swin-t', (128, (2, 2, 18, 2)): 'swin-b', (384, 12): 'vit-s',
            (768, 12): 'vit-b'}


def network_name(architecture: Architecture) -> Optional[str]:
    """'swin-t', 'swin-b', 'vit-s' or 'vit-b'; None for any other."""
    a = architecture
    return NETWORKS.get((a.width, a.depths if isinstance(a, SwinArchitecture) else a.depth))


def transformers_config(architecture: Architecture) -> dict:
    """``config.json`` of transformers' SwinModel or ViTModel for an architecture."""
    a = architecture
    if isinstance(a, SwinArchitecture):
        return dict(
            architectures=['SwinModel'], model_type='swin', embed_dim=a.width,
            depths=list(a.depths), num_heads=list(a.heads), window_size=a.window,
            patch_size=a.patch, image_size=a.patch * a.window * 2**(len(a.depths) - 1),
            mlp_ratio=a.mlp_ratio, hidden_size=a.width * 2**(len(a.depths) - 1), qkv_bias=True,
            layer_norm_eps=1e-5, use_absolute_embeddings=False, torch_dtype='float32')
    return dict(
        architectures=['ViTModel'], model_type='vit', hidden_size=a.width,
        num_hidden_layers=a.depth, num_attention_heads=a.heads, intermediate_size=a.hidden,
        image_size=a.image_size, patch_size=a.patch, qkv_bias=True, layer_norm_eps=1e-6,
        hidden_act='gelu', torch_dtype='float32')


def timm_call(architecture: Architecture, path: str) -> str:
    """The Python expression that makes timm load an export."""
    a = architecture
    if isinstance(a, SwinArchitecture):
        size = dict(patch_size=a.patch, window_size=a.window, embed_dim=a.width, depths=a.depths,
                    num_heads=a.heads, mlp_ratio=a.mlp_ratio,
                    img_size=a.patch * a.window * 2**(len(a.depths) - 1))
        name, standard = 'swin_tiny_patch4_window7_224', dict(
            patch_size=4, window_size=7, embed_dim=96, depths=(2, 2, 6, 2),
            num_heads=(3, 6, 12, 24), mlp_ratio=4, img_size=224)
    else:
        size = dict(patch_size=a.patch, embed_dim=a.width, depth=a.depth, num_heads=a.heads,
                    mlp_ratio=a.hidden / a.width, img_size=a.image_size,
                    init_values=1e-5 if a.layer_scale else None, pre_norm=a.pre_norm)
        name, standard = 'vit_small_patch16_224', dict(
            patch_size=16, embed_dim=384, depth=12, num_heads=6, mlp_ratio=4, img_size=224,
            init_values=None, pre_norm=False)
    changed = ''.join(f', {key}={value}' for key, value in size.items()
                      if value != standard[key])
    return f'timm.create_model({name!r}, num_classes=0{changed}, checkpoint_path={path!r})'
