"""CLIP's visual transformer under OpenAI's names (open_clip keeps them), in float64.

OpenAI's weights were trained with x sigmoid(1.702 x) for the GELU; most of open_clip's were not.
"""
import torch
import torch.nn.functional as F
from torch import Tensor

from .vit import Draw, as_map, double, layer_norm, linear, patches, self_attention


def _resblock(draw: Draw, state: dict, name: str, width: int) -> None:
    """One block: torch's MultiheadAttention names, MLP ratio 4."""
    state[f'{name}.attn.in_proj_weight'] = draw.normal(3 * width, width, scale=width ** -0.5)
    state[f'{name}.attn.in_proj_bias'] = draw.normal(3 * width, scale=0.2)
    draw.linear(state, f'{name}.attn.out_proj', width, width)
    draw.norm(state, f'{name}.ln_1', width)
    draw.linear(state, f'{name}.mlp.c_fc', width, 4 * width)
    draw.linear(state, f'{name}.mlp.c_proj', 4 * width, width)
    draw.norm(state, f'{name}.ln_2', width)


def random_clip_visual(
    width: int = 48, depth: int = 3, patch: int = 16, img_size: int = 64, output: int = 20,
    text_width: int = 12, seed: int = 0,
) -> dict:
    """A whole CLIP's state dict: ``visual.*``, and a one-block text tower with names like it.

    ``visual.class_embedding`` (C,), ``visual.positional_embedding`` (L, C), ``visual.proj``
    (C, output); the bare ``positional_embedding`` and ``transformer.*`` are the text's.
    """
    draw = Draw(seed)
    state = {
        'positional_embedding': draw.normal(9, text_width),
        'text_projection': draw.normal(text_width, output),
        'logit_scale': torch.tensor(4.6052),
        'visual.class_embedding': draw.normal(width),
        'visual.positional_embedding': draw.normal(1 + (img_size // patch) ** 2, width, scale=0.5),
        'visual.proj': draw.normal(width, output, scale=width ** -0.5),
    }
    draw.patch_map(state, 'visual.conv1', width, patch, bias=False)
    draw.norm(state, 'visual.ln_pre', width)
    for i in range(depth):
        _resblock(draw, state, f'visual.transformer.resblocks.{i}', width)
    draw.norm(state, 'visual.ln_post', width)
    _resblock(draw, state, 'transformer.resblocks.0', text_width)
    state['token_embedding.weight'] = draw.normal(30, text_width)
    draw.norm(state, 'ln_final', text_width)
    return state


def clip_features(
    state: dict, images: Tensor, heads: int, quick_gelu: bool = True, eps: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Map (B, C, h, w) of the patch tokens and class token (B, C), after ln_post, unprojected.

    OpenAI applies ln_post to the class token only; the map is the same norm of the other tokens.
    """
    state = double({key: value for key, value in state.items() if key.startswith('visual.')})
    x = patches(images, state['visual.conv1.weight'], None)
    rows, columns = x.shape[1:3]
    cls = state['visual.class_embedding'].expand(len(x), 1, -1)
    x = torch.cat([cls, x.flatten(1, 2)], dim=1) + state['visual.positional_embedding']
    x = layer_norm(state, 'visual.ln_pre', x, eps)
    i = 0
    while f'visual.transformer.resblocks.{i}.ln_1.weight' in state:
        name = f'visual.transformer.resblocks.{i}'
        qkv = F.linear(layer_norm(state, f'{name}.ln_1', x, eps),
                       state[f'{name}.attn.in_proj_weight'], state[f'{name}.attn.in_proj_bias'])
        x = x + linear(state, f'{name}.attn.out_proj', self_attention(qkv, heads))
        hidden = linear(state, f'{name}.mlp.c_fc', layer_norm(state, f'{name}.ln_2', x, eps))
        hidden = hidden * torch.sigmoid(1.702 * hidden) if quick_gelu else F.gelu(hidden)
        x = x + linear(state, f'{name}.mlp.c_proj', hidden)
        i += 1
    x = layer_norm(state, 'visual.ln_post', x, eps)
    return as_map(x[:, 1:], rows, columns), x[:, 0]
