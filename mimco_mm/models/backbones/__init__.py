from .masked_swin import MaskedSwinTransformer
from .masked_vit import MaskedMoCoV3ViT
from .tapped_vit import TappedViT
from .timm_feature_map import TimmFeatureMap
from .transformers_feature_map import TransformersFeatureMap

__all__ = [
    'MaskedMoCoV3ViT', 'MaskedSwinTransformer', 'TappedViT', 'TimmFeatureMap',
    'TransformersFeatureMap'
]
