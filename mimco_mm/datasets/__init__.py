from .resilient_dataset import ResilientDataset
from .transforms import *  # noqa: F401, F403

__all__ = ['ResilientDataset']
