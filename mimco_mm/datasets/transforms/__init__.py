from .coded import CodedFlip, CodedResizedCrop, LoadCodedImage, PackCodedInputs
from .cropping import AntialiasedResizedCrop
from .flipping import RandomHorizontalFlip
from .loading import BrokenImageError, LoadRGBImage
from .masking import MaskGenerator
from .packing import PackPlanes

__all__ = ['AntialiasedResizedCrop', 'BrokenImageError', 'CodedFlip', 'CodedResizedCrop',
           'LoadCodedImage', 'LoadRGBImage', 'MaskGenerator', 'PackCodedInputs', 'PackPlanes',
           'RandomHorizontalFlip']
