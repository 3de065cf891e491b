from .hooks import *  # noqa: F403
from .optim import *  # noqa: F403
from .resumable_loop import ResumableEpochLoop  # noqa: F401
from .resuming import checkpoint_folders, finished, run_to_resume  # noqa: F401
from .runner import PretrainRunner  # noqa: F401
from .start_check import check_parts  # noqa: F401
from .transfer_runner import TransferRunner  # noqa: F401
