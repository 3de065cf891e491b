from typing import Dict, Optional

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from ..names import printable
from .reporting import reporting


@HOOKS.register_module()
class BrokenImageHook(Hook):
    """Counts the images that ``ResilientDataset`` had to replace, and names them after the epoch.

    Args:
        shown: how many of them the log names; all of them go to ``broken_images.txt`` in the work
            dir.
    """

    priority = 'LOWEST'  # after the checkpoint

    def __init__(self, shown: int = 10) -> None:
        self.shown = shown
        self.broken: Dict[str, str] = {}

    def before_train_epoch(self, runner) -> None:
        self.broken = {}

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        for sample in data_batch['data_samples']:
            self.broken.update(sample.get('broken_images', {}))

    def after_train_epoch(self, runner) -> None:
        self.gather(runner)

    def before_interruption(self, runner) -> None:
        self.gather(runner)  # the rest of the epoch reports by itself

    def gather(self, runner) -> None:
        broken = {}
        for part in all_gather_object(self.broken):
            broken.update(part)
        if broken and runner.rank == 0:
            with reporting(runner, f'The list of {len(broken)} images that could not be read'):
                self.report(runner, broken)

    def report(self, runner, broken: Dict[str, str]) -> None:
        """List them in the work dir, and some of them in the log.

        Args:
            runner: the Runner.
            broken: path -> why it cannot be read.
        """
        lines = [f'{printable(path)}: {printable(why)}' for path, why in sorted(broken.items())]
        more = '' if len(lines) <= self.shown else f' and {len(lines) - self.shown} more'
        name = f'{runner.work_dir}/broken_images.txt'
        runner.logger.warning(
            f'{len(lines)} of {len(runner.train_dataloader.dataset)} images could not be read in '
            f'epoch {runner.epoch + 1}; each was replaced by the next one. They are listed in '
            f'{name}: {"; ".join(lines[:self.shown])}{more}')
        with open(name, 'a', encoding='utf-8') as file:
            file.writelines(f'epoch {runner.epoch + 1}: {line}\n' for line in lines)
