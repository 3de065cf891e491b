from .errors import CheckpointError
from .loading import LoadReport, load_backbone
from .reading import read_checkpoint

__all__ = ['CheckpointError', 'LoadReport', 'load_backbone', 'read_checkpoint']
