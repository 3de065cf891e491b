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
    TimeRemainingColumn,
)
from rich.table import Column


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
        count = 2 * len(str(runner.max_iters)) + 1
        # on a narrow terminal the losses give way
        whole = [Column(no_wrap=True, min_width=width)
                 for width in (len(self.where(runner)), count, len('ETA'), len('0:00:00'))]
        self.bar = Progress(
            TextColumn('{task.description}', table_column=whole[0]), BarColumn(bar_width=12),
            MofNCompleteColumn(table_column=whole[1]), TextColumn('ETA', table_column=whole[2]),
            TimeRemainingColumn(table_column=whole[3]), TextColumn('{task.fields[losses]}'),
            console=Console(file=sys.stdout), refresh_per_second=2)
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

    def after_end(self, runner) -> None:
        """However the run has ended."""
        self.stop(runner)

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
        """'loss 16.15 patch 8.057 image 8.095', or of another model's losses."""
        losses = {name.removeprefix('train/'): values.current()
                  for name, values in runner.message_hub.log_scalars.items()
                  if name.startswith('train/loss')}
        return ' '.join(f'{name.removeprefix("loss_")} {value:.4g}'
                        for name, value in losses.items())

    @staticmethod
    def screens(runner) -> List[logging.StreamHandler]:
        return [handler for handler in runner.logger.handlers
                if isinstance(handler, logging.StreamHandler)
                and not isinstance(handler, logging.FileHandler)]


def is_no_step(record: logging.LogRecord) -> bool:
    """Whether a line of the log is none of the training's steps."""
    return not record.getMessage().startswith(('Epoch(train)', 'Iter(train)'))
