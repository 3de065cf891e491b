"""The processes of a run: how they start, meet, hear signals and end."""

from .launcher import launch, machines, needs_launcher, number
from .meeting import check_alone, check_launcher
from .parents import end_with_parent
from .process_end import last_acts, rank_here
from .signals import RESUMES, SIGNALS, Interrupted, listener, outliving

__all__ = [
    'RESUMES', 'SIGNALS', 'Interrupted', 'check_alone', 'check_launcher', 'end_with_parent',
    'last_acts', 'launch', 'listener', 'machines', 'needs_launcher', 'number', 'outliving',
    'rank_here'
]
