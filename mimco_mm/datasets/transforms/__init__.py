from .coded import CodedFlip, CodedResizedCrop, LoadCodedImage, PackCodedInputs
from .cropping import AntialiasedResizedCrop
from .flipping import RandomHorizontalFlip
from .loading import BrokenImageError, LoadRGBImage, decode
from .masking import MaskGenerator
from .packing import PackPlanes
from .pixel_types import to_rgb

__all__ = ['AntialiasedResizedCrop', 'BrokenImageError', 'CodedFlip', 'CodedResizedCrop',
           'LoadCodedImage', 'LoadRGBImage', 'MaskGenerator', 'PackCodedInputs', 'PackPlanes',
           'RandomHorizontalFlip', 'decode', 'to_rgb']
