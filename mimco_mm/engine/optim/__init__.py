from .autocast_optim_wrapper import AutocastOptimWrapper
from .backbone_layer_decay import BackboneLayerDecayConstructor
from .merged_groups import MergedGroupsConstructor
from .warmup_cosine_lr import WarmupCosineLR

__all__ = [
    'AutocastOptimWrapper', 'BackboneLayerDecayConstructor', 'MergedGroupsConstructor',
    'WarmupCosineLR'
]
