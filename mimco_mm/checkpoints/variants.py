"""Relatives of Swin and ViT that share most of their names, and are other networks."""

import re
from typing import Iterable, Optional

# What no other network names so -> what has it
MARKS = (
    (r'(logit_scale|(cpb|continuous_position_bias)_mlp\.\d\.\w+)$',
     'a Swin V2: attention by cosine, with position biases from an MLP'),
    (r'(mlp|ffn)\.(w12|weights_in)\.\w+$', 'a ViT with SwiGLU in place of GELU'),
    (r'(register_tokens|reg_token)$', 'a ViT with register tokens'),
    (r'(distillation_token|dist_token)$', 'a DeiT with a distillation token'),
)


def variant_of(names: Iterable[str]) -> Optional[str]:
    """What a network with tensors of these names is, if not the plain Swin or ViT."""
    names = list(names)
    return next((f'This is {told}. It does not fit into the plain network, and no names of it are '
                 "known here but timm's: take timm's file, and backbone=dict(type='TimmFeatureMap',"
                 ' model_name=...).'
                 for mark, told in MARKS if any(re.search(mark, name) for name in names)), None)
