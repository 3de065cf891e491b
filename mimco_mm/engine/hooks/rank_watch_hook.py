import sys
import threading
import time
from typing import Optional

from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from ...errors import ConfigError
from ...processes.process_end import end, is_launched, leave_to_launcher, log
from ...processes.rank_reports import ELSEWHERE, READING, STEPPING, RankReports


@HOOKS.register_module()
class RankWatchHook(Hook):
    """Ends a run of several ranks that stands still, and names the rank that holds it up.

    Each rank tells the others by the store where they have met, on the network of CPUs, what it
    does; a thread ends a rank that has been in one step for too long. The first step (compilation),
    evaluations and checkpoints may take their time: torch's own limit, `env_cfg.dist_cfg.timeout`,
    is all that they have.

    Args:
        timeout: minutes that one step may take, its images included.
    """

    priority = 'VERY_HIGH'  # what other hooks do after an epoch is no step

    def __init__(self, timeout: float = 10.) -> None:
        if not timeout > 0:
            raise ConfigError(f'`rank_timeout` (--timeout) expects minutes above 0, got {timeout}.')
        self.limit = 60 * timeout
        self.reports: Optional[RankReports] = None
        self.over = threading.Event()

    def before_train(self, runner) -> None:
        if runner.world_size > 1:
            self.reports = RankReports(f'mimco/watch/{runner.timestamp}', self.limit)
            for work in (self.talk, self.judge):
                threading.Thread(target=work, daemon=True).start()

    def before_train_iter(self, runner, *args, **kwargs) -> None:
        self.note(STEPPING, runner)

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        self.note(READING, runner, done=runner.iter + 1)

    def note(self, phase: str, runner, done: Optional[int] = None) -> None:
        if self.reports is not None:
            self.reports.note(phase, done)

    def elsewhere(self, runner, *args, **kwargs) -> None:
        self.note(ELSEWHERE, runner)

    after_train_epoch = before_val = before_gathering = before_save_checkpoint = elsewhere

    def after_end(self, runner) -> None:
        """However the run has ended."""
        self.over.set()

    def talk(self) -> None:
        """Exchange reports, for as long as the store answers."""
        while not self.over.wait(self.reports.period):
            try:
                self.reports.exchange()
            except RuntimeError:  # rank 0 has ended, and so will this rank
                return

    def judge(self) -> None:
        while not self.over.wait(self.reports.period):
            held_up = self.reports.held_up()
            if held_up and not self.over.is_set():
                message = (f'{held_up} --resume goes on from the last checkpoint; --timeout '
                           'MINUTES sets the limit.')
                log(message)
                leave_to_launcher(message)
                if not is_launched():
                    print(f'error: {message}', file=sys.stderr, flush=True)
                time.sleep(self.reports.period)  # the others find the same
                end(1)
