"""Views of a whole batch at once, on any device: the images are there, and change together."""

from .blur import BatchedGaussianBlur
from .colour import BatchedColorJitter, BatchedGrayscale, BatchedSolarize
from .counterparts import split_views
from .geometric import BatchedCrop, BatchedFlip, BatchedResizedCrop
from .masking import BatchedMask
from .streams import Streams, image_seeds
from .transform import BatchedTransform

__all__ = ['BatchedColorJitter', 'BatchedCrop', 'BatchedFlip', 'BatchedGaussianBlur',
           'BatchedGrayscale', 'BatchedMask', 'BatchedResizedCrop', 'BatchedSolarize',
           'BatchedTransform', 'Streams', 'image_seeds', 'split_views']
