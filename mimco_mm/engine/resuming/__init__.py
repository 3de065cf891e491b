"""What goes on after an interruption, from where, and whether as the same run."""

from .finding import (
    beyond_end,
    checkpoint_folders,
    finished,
    further_on,
    newest,
    run_to_resume,
    what_is_safe,
)
from .identity import Difference, covers, differences, few_keys, identity_of, other_views
from .matching import misfits, shortened
from .rank_state import rank_states, restore
from .rescheduling import changed_settings, last_rate, reschedule
from .resumable_loop import ResumableEpochLoop

__all__ = [
    'Difference', 'ResumableEpochLoop', 'beyond_end', 'changed_settings', 'checkpoint_folders',
    'covers', 'differences', 'few_keys', 'finished', 'further_on', 'identity_of', 'last_rate',
    'misfits', 'newest', 'other_views', 'rank_states', 'reschedule', 'restore', 'run_to_resume',
    'shortened', 'what_is_safe'
]
