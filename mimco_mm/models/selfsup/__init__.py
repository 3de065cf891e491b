from .mimco import MimCo
from .moby import MoBY

__all__ = ['MimCo', 'MoBY']
