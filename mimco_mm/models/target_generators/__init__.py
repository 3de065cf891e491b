from .by_name import fit_named_teacher
from .frozen_teacher import FrozenTeacher

__all__ = ['FrozenTeacher', 'fit_named_teacher']
