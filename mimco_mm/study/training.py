"""All jobs of a study under one bar, as many at a time as the machine bears."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import List, Optional, Sequence

import torch
from rich.progress import BarColumn, Progress, TimeElapsedColumn

from ..launching.run_lock import run_lock
from ..options import CONFIGS
from ..processes import listener
from .plan import Job, Size
from .results import write_results
from .scheduling import run_all


def train_all(jobs: Sequence[Job], size: Size, work_dir: Path,
              workers: Optional[int] = None) -> List[str]:
    """Do all jobs; what became of those that failed.

    Args:
        jobs: in the order to begin them in.
        size: how long.
        work_dir: see ``run_job``; other studies are kept out of it.
        workers: jobs at a time; by default one a core, with a GPU half as many, 8 at most.
    """
    cores, gpu = os.cpu_count() or 1, torch.cuda.is_available()
    workers = workers or (max(1, min(8, cores // 2)) if gpu else cores)
    threads = max(1, cores // workers)
    # torch's and scikit-learn's threads: each process keeps to its share of the cores
    os.environ['OMP_NUM_THREADS'] = str(threads)
    columns = ('{task.description}', BarColumn(), '{task.percentage:3.0f} %', TimeElapsedColumn())
    with listener.listening(), run_lock(str(work_dir)), Progress(*columns) as bar:
        task = bar.add_task(f'{len(jobs)} jobs', total=1.)

        def tell(job: Job, line: str, done: float, left: float) -> None:
            write_results(work_dir, size)
            left_text = f'left: {timedelta(seconds=round(left))}'
            bar.update(task, completed=done, description=left_text)
            print(f'{time.strftime("%d %b %H:%M")} {line}; {done:.0%} of the work done, '
                  f'{left_text}', flush=True)

        return run_all(jobs, size, CONFIGS / 'study', work_dir, workers, threads if gpu else 0,
                       tell)
