"""Data workers beside the cores that there are, told once and in the project's own words."""

import os
import warnings
from typing import Optional

from mmengine.config import Config

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def too_many_workers(cfg: Config) -> Optional[str]:
    """A line on more workers than cores; torch's own, of each loader twice, are switched off."""
    warnings.filterwarnings('ignore', 'This DataLoader will create', UserWarning)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    processes = int(os.environ.get('LOCAL_WORLD_SIZE', 1))
    workers = max((cfg.get(name) or {}).get('num_workers', 0) for name in LOADERS)
    if workers * processes <= cores:
        return None
    of_each = f' for each of {processes} processes' if processes > 1 else ''
    return (f'{workers} data workers{of_each} on {cores} cores: --workers '
            f'{max(cores // processes, 1)} would take less memory and be as fast.')
