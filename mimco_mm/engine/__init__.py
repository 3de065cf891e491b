"""What runs a training: runners, optimizers, and the hooks that make a run what it is."""

from .hooks import *  # noqa: F403
from .optim import *  # noqa: F403
from .placed_views import place_views  # noqa: F401
from .resuming import ResumableEpochLoop  # noqa: F401
from .runner import PretrainRunner  # noqa: F401
from .start_check import check_parts  # noqa: F401
from .teacher_by_name import fit_teacher  # noqa: F401
from .transfer_runner import TransferRunner  # noqa: F401
