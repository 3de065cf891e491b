from .frozen_teacher import FrozenTeacher

__all__ = ['FrozenTeacher']
