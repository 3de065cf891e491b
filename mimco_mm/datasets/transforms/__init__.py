from .loading import BrokenImageError, LoadRGBImage
from .masking import MaskGenerator

__all__ = ['BrokenImageError', 'LoadRGBImage', 'MaskGenerator']
