"""All jobs of the small study, several at a time, and how long they will take."""

import os
import subprocess
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from statistics import mean
from threading import Thread
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from .plan import METRICS, TEACHER, Job, Size
from .running import run_job

SIGNAL_WAIT = 0.5  # seconds: what a thread has heard of signals is looked at between two waits


def commit_of(folder: Path) -> Optional[str]:
    """The commit of a checkout, with '-changed' where files differ from it; None of none."""
    def git(*args: str) -> str:
        return subprocess.run(['git', '-C', str(folder), *args], check=True, capture_output=True,
                              text=True).stdout.strip()
    try:
        changed = git('status', '--porcelain', '--untracked-files=no')
        return git('rev-parse', 'HEAD') + '-changed' * bool(changed)
    except (OSError, subprocess.CalledProcessError):
        return None


def begin_worker(log: Path) -> None:
    """In each process: its output goes into a file, and it ends with the study.

    Otherwise it would finish its job after a kill, beside that of the command that goes on.
    """
    Thread(target=_end_with_parent, daemon=True).start()
    with open(log, 'a') as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)


def _end_with_parent() -> None:
    parent_process().join()
    os._exit(1)


def run_or_end(*args) -> dict:
    """``run_job``, whose process ends with it where it is interrupted.

    It would wait for another job, maybe for ever: for the lock of the pool's queue, which an idle
    process has when it is ended.
    """
    try:
        return run_job(*args)
    except KeyboardInterrupt:
        os._exit(1)


@contextmanager
def interrupting_jobs() -> Iterator[None]:
    """Let an interruption reach the jobs, which save and end, before their pool waits for them."""
    try:
        yield
    except KeyboardInterrupt:
        for process in active_children():
            process.terminate()
        raise


def run_all(waiting: Sequence[Job], size: Size, configs: Path, work_dir: Path, workers: int,
            loader_workers: int, tell: Callable[[Job, str, float, float], None],
            ) -> List[str]:
    """Do all jobs; what became of those that failed.

    A job that is done is read; others wait until the teacher of theirs is there.

    Args:
        waiting: in the order to begin them in.
        size: how long.
        configs: the folder configs/study.
        work_dir: see ``run_job``.
        workers: jobs at a time.
        loader_workers: of each job.
        tell: is called at the end of each job with the job, a line on it, the part of all work that
            is done, and the seconds left.
    """
    commit, waiting = commit_of(configs), list(waiting)
    taught = {(job.network, job.seed): False for job in waiting}  # whether its teacher is there
    failed: List[str] = []
    running: Dict[Future, Job] = {}
    left = TimeLeft(waiting, size, workers)
    with ProcessPoolExecutor(workers, get_context('spawn'), begin_worker,
                             (work_dir / 'study.log', )) as pool, interrupting_jobs():
        while waiting or running:
            for job in [job for job in waiting if not job.row.taught
                        or taught[job.network, job.seed]][:workers - len(running)]:
                waiting.remove(job)
                running[pool.submit(run_or_end, job, size, configs, work_dir, loader_workers,
                                    commit)] = job
            if not running:  # the teachers of these have failed
                failed += [f'{job.name}: has no teacher' for job in waiting]
                break
            for future in wait(running, SIGNAL_WAIT, FIRST_COMPLETED).done:
                job = running.pop(future)
                if future.exception() is not None:
                    failed.append(f'{job.name}: {future.exception()}')
                    left.end(job)
                    tell(job, failed[-1], *left())
                    continue
                taught[job.network, job.seed] |= job.row == TEACHER
                left.end(job, future.result())
                tell(job, line_of(job, future.result()), *left())
    return failed


def line_of(job: Job, result: dict) -> str:
    scores = ', '.join(f'{title} {result[metric]:.1f}' for metric, title in METRICS.items())
    return f'{job.name}: {scores}; {sum(result["seconds"].values()) / 60:.1f} min'


class TimeLeft:
    """What is left of a study, by the seconds that its finished jobs have taken.

    Args:
        jobs: all of them.
        size: how long they are.
        workers: jobs at a time.
    """

    def __init__(self, jobs: Sequence[Job], size: Size, workers: int) -> None:
        self.size = size
        self.workers = workers
        self.left = list(jobs)
        self.total = sum(job.work(size) for job in jobs)
        self.paces: Dict[Tuple[str, str], List[float]] = {}  # seconds for each unit of work

    def end(self, job: Job, result: Optional[dict] = None) -> None:
        self.left.remove(job)
        if result is not None:
            self.paces.setdefault((job.network, job.row.name), []).append(
                sum(result['seconds'].values()) / job.work(self.size))

    def __call__(self) -> Tuple[float, float]:
        """The part of all work that is done, and the seconds left."""
        work = sum(job.work(self.size) for job in self.left)
        paces = {key: mean(found) for key, found in self.paces.items()}
        usual = mean(paces.values()) if paces else 0.
        seconds = sum(job.work(self.size) * paces.get((job.network, job.row.name), usual)
                      for job in self.left)
        return 1 - work / self.total, seconds / self.workers
