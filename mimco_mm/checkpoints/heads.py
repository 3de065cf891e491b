"""The number of attention heads of a ViT, of which the shapes of its tensors tell nothing."""

from typing import NamedTuple, Optional

from torch import nn

from .errors import CheckpointError
from .folders import CONFIG
from .namings import MMPretrainViT, Naming, StateDict
from .positions import SHARED_BIAS, is_sincos

# Width -> heads of the ViTs that DeiT, DINO, iBOT, DINOv2, MAE, CLIP and timm publish.
PUBLISHED = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16, 1408: 16, 1536: 24}
# MoCo v3's ViT-S has 12 heads where all others have 6.
MOCO_V3 = {384: 12, 768: 12, 1024: 16}

# Where files and configs state it, and how that is told.
STATED = (('backbone', 'num_heads', 'its meta says so'),
          (CONFIG, 'num_attention_heads', f'its {CONFIG} says so'))


class Evidence(NamedTuple):
    heads: int
    reason: str


def heads_in(state: StateDict, naming: Optional[Naming],
             meta: Optional[dict], published: bool = True) -> Optional[Evidence]:
    """How many heads the ViT in a file has (in mmpretrain's names), as far as it can be told.

    ``meta`` is what is said of it, see ``Opened``; ``published``: whether it may be taken for one
    of the plain ViTs that are published, by its width.
    """
    for part, key, reason in STATED:
        about = (meta or {}).get(part)
        stated = about.get(key) if isinstance(about, dict) else None
        if isinstance(stated, int):
            return Evidence(stated, reason)
    if naming is None or naming.family != 'ViT' or 'cls_token' not in state:
        return None
    if SHARED_BIAS in state:
        return Evidence(state[SHARED_BIAS].shape[1], 'its table of relative positions has so many')
    width = state['cls_token'].shape[-1]
    if 'pos_embed' in state and is_sincos(state['pos_embed']):
        return _look_up(MOCO_V3, width, "it has MoCo v3's fixed sin-cos positions")
    if isinstance(naming, MMPretrainViT) or not published:
        return None  # may be anything that a user has trained, or a library names
    return _look_up(PUBLISHED, width, f"published ViTs of width {width} other than MoCo v3's do")


def _look_up(table: dict, width: int, reason: str) -> Optional[Evidence]:
    return Evidence(table[width], reason) if width in table else None


def heads_of(network: nn.Module) -> Optional[int]:
    """The number of heads of a network, if all its attention has the same."""
    found = {module.num_heads for module in network.modules()
             if isinstance(getattr(module, 'num_heads', None), int)}
    return found.pop() if len(found) == 1 else None


def check_heads(network: nn.Module, evidence: Optional[Evidence]) -> None:
    """Raise CheckpointError where file and network split the same width into other heads."""
    heads = heads_of(network)
    if evidence is None or heads is None or heads == evidence.heads:
        return
    raise CheckpointError(
        f'The file is of a ViT with {evidence.heads} heads ({evidence.reason}), the network has '
        f'{heads}. All shapes agree, and the features would be wrong. In mmpretrain, a ViT-S of '
        "MoCo v3 (12 heads) is dict(type='MoCoV3ViT', arch='mocov3-small', patch_size=16), one of "
        "DeiT, DINO, iBOT or timm (6 heads) dict(type='VisionTransformer', arch='deit-small').")
