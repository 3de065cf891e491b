"""What one GPU can tell in minutes: parts that each run in a process of their own."""

from .report import markdown, worst
from .rows import Row, Setting
from .running import PARTS, check

__all__ = ['PARTS', 'Row', 'Setting', 'check', 'markdown', 'worst']
