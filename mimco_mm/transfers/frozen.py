"""What the benchmarks of frozen features share: their processes, and where results go."""

import os
import sys
from pathlib import Path
from typing import Callable, NamedTuple, Optional

from mmengine.config import Config

from ..checkpoints import LoadReport
from ..evaluation import leave_processes
from ..launching import errors_told
from ..options import load_config
from ..processes import launch, needs_launcher
from ..records import values_sha256


def measure(request: NamedTuple, gpus: Optional[int], tool: str,
            configured: Callable[[NamedTuple], object],
            measured: Callable[[NamedTuple], None]) -> None:
    """Measure in this process, or start the processes that do; ends with errors told.

    Args:
        request: what is asked for.
        gpus: processes on this machine; None for this one alone.
        tool: the program that each of them runs, with this one's arguments.
        configured: the request's config; a wrong option is told once, and early.
        measured: does it.
    """
    with errors_told():
        if 'LOCAL_RANK' not in os.environ and needs_launcher(gpus):
            configured(request)
            launch(gpus, tool, sys.argv[1:])
        else:
            measured(request)
            leave_processes()


def name_of(config: str, cfg: Config, report: LoadReport) -> str:
    """What the results are called, of config and checkpoint, by default.

    Those of other images or options lie beside those of the config as it is.
    """
    name = f'{Path(config).stem}_{Path(report.checkpoint).stem}_{report.sha256[:8]}'
    changed = values_sha256(cfg)
    return name if changed == values_sha256(load_config(config)) else f'{name}_{changed[:8]}'
