from .masked_swin import MaskedSwinTransformer
from .masked_vit import MaskedMoCoV3ViT

__all__ = ['MaskedMoCoV3ViT', 'MaskedSwinTransformer']
