from .mimco import MimCo
from .moby import MoBY
from .simmim_moby import SimMIMMoBY

__all__ = ['MimCo', 'MoBY', 'SimMIMMoBY']
