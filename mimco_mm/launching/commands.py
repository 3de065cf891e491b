"""tools/train.py and tools/test.py: in this process, or in those that they start."""

import sys
from typing import Optional

from ..checkpoints import local_file
from ..evaluation import leave_processes
from ..processes import RESUMES, check_launcher, launch, machines, needs_launcher
from .checks import check_all
from .ending import errors_told
from .leftovers import no_empty_folders
from .run_config import Request, requested_config
from .testing import CheckpointTest, requested_test, test
from .training import is_finished, train


def run_training(request: Request, gpus: Optional[int], tool: str) -> None:
    """Train, or check all and start the processes that do; ends with errors told.

    Args:
        request: what is asked for.
        gpus: processes on this machine; None for this one alone.
        tool: the program that each of them runs, with this one's arguments.
    """
    with errors_told(RESUMES):
        if not _starts_processes(request.launcher, gpus):
            train(request)
            leave_processes()
            return
        cfg = requested_config(request)
        if is_finished(cfg):
            return
        check_all(cfg, gpus * machines())
        with no_empty_folders(cfg.work_dir):
            _start(gpus, tool)


def run_test(request: CheckpointTest, gpus: Optional[int], tool: str) -> None:
    """Test a checkpoint, or start the processes that do; as ``run_training``."""
    with errors_told():
        starts = _starts_processes(request.launcher, gpus)
        cfg = requested_test(request)
        if not starts:
            test(request, cfg)
            leave_processes()
            return
        local_file(request.checkpoint)
        _start(gpus, tool)


def _starts_processes(launcher: str, gpus: Optional[int]) -> bool:
    check_launcher(launcher)
    return launcher == 'none' and needs_launcher(gpus)


def _start(gpus: int, tool: str) -> None:
    launch(gpus, tool, [*sys.argv[1:], '--launcher', 'pytorch'])
