from .mimco import MimCo
from .moby import MoBY
from .multi_teacher_mimco import MimCoBranch, MultiTeacherMimCo, branches_of, teachers_of
from .simmim_moby import SimMIMMoBY

__all__ = ['MimCo', 'MimCoBranch', 'MoBY', 'MultiTeacherMimCo', 'SimMIMMoBY', 'branches_of',
           'teachers_of']
