from .resilient_dataset import ResilientDataset
from .transforms import *  # noqa: F403

__all__ = ['ResilientDataset']
