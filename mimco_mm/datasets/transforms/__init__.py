import warnings

from .coded import CodedCrops, CodedFlip, CodedResizedCrop, LoadCodedImage, PackCodedInputs
from .cropping import AntialiasedResizedCrop
from .flipping import RandomHorizontalFlip
from .loading import LoadRGBImage, decode
from .masking import MaskGenerator
from .opening import BrokenImageError, open_image
from .packing import PackPlanes
from .pixel_types import to_rgb

__all__ = ['AntialiasedResizedCrop', 'BrokenImageError', 'CodedCrops', 'CodedFlip',
           'CodedResizedCrop', 'LoadCodedImage', 'LoadRGBImage', 'MaskGenerator',
           'PackCodedInputs', 'PackPlanes', 'RandomHorizontalFlip', 'decode', 'open_image',
           'to_rgb']

# mmcv's word for each image of a ColorJitter by Pillow, which takes nothing else
warnings.filterwarnings('ignore', "Only use 'alpha' for pillow backend")
