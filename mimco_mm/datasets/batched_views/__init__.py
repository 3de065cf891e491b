"""Views of a whole batch at once, on any device: the images are there, and change together."""

from .colour import BatchedColorJitter, BatchedGrayscale, BatchedSolarize
from .geometric import BatchedCrop, BatchedFlip, BatchedResizedCrop
from .masking import BatchedMask
from .streams import Streams, image_seeds
from .transform import BatchedTransform

__all__ = ['BatchedColorJitter', 'BatchedCrop', 'BatchedFlip', 'BatchedGrayscale', 'BatchedMask',
           'BatchedResizedCrop', 'BatchedSolarize', 'BatchedTransform', 'Streams', 'image_seeds']
