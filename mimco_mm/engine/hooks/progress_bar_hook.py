import logging
import sys
from typing import List, Optional

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.registry import HOOKS
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

SHOWN = ('loss', 'lr')  # and what begins with the first of them


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """On a terminal, a bar in place of the log's lines of steps; the log's file keeps those.

    It shows the run's iterations, the time left of all of them, and the losses of the last step
    that was logged.

    Args:
        interval: iterations between two readings of the losses.
    """

    priority = 'LOWEST'

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self.bar: Optional[Progress] = None
        self.task: Optional[TaskID] = None

    def before_train(self, runner) -> None:
        self.bar = Progress(
            TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
            TextColumn('elapsed'), TimeElapsedColumn(), TextColumn('ETA'),
            TimeRemainingColumn(elapsed_when_finished=False), TextColumn('{task.fields[losses]}'),
            console=Console(file=sys.stdout))
        self.task = self.bar.add_task(self.where(runner), total=runner.max_iters,
                                      completed=runner.iter, losses='')
        self.bar.start()
        for handler in self.screens(runner):
            handler.setStream(sys.stdout)  # above the bar
            handler.addFilter(is_no_step)

    def after_train_iter(self, runner, batch_idx: int, *args, **kwargs) -> None:
        shown = {}
        if self.every_n_inner_iters(batch_idx, self.interval) or batch_idx == 0:
            shown = dict(losses=self.losses(runner))
        self.bar.update(self.task, description=self.where(runner), completed=runner.iter + 1,
                        **shown)

    def after_train(self, runner) -> None:
        self.stop(runner)

    def stop(self, runner) -> None:
        """Leave the terminal as it was."""
        if self.bar is not None:
            self.bar.stop()
            for handler in self.screens(runner):
                handler.setStream(sys.stdout)
                handler.removeFilter(is_no_step)
            self.bar = None

    @staticmethod
    def where(runner) -> str:
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            return f'Epoch {min(runner.epoch + 1, runner.max_epochs)}/{runner.max_epochs}'
        return 'Training'

    @staticmethod
    def losses(runner) -> str:
        scalars = runner.message_hub.log_scalars
        names = [name.removeprefix('train/') for name in scalars if name.startswith('train/')]
        return '  '.join(f'{name} {scalars[f"train/{name}"].current():.4g}' for name in names
                         if name.startswith(SHOWN))

    @staticmethod
    def screens(runner) -> List[logging.StreamHandler]:
        return [handler for handler in runner.logger.handlers
                if isinstance(handler, logging.StreamHandler)
                and not isinstance(handler, logging.FileHandler)]


def is_no_step(record: logging.LogRecord) -> bool:
    """Whether a line of the log is none of the training's steps."""
    return not record.getMessage().startswith(('Epoch(train)', 'Iter(train)'))
