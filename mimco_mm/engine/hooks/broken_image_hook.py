from typing import Optional

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS


@HOOKS.register_module()
class BrokenImageHook(Hook):
    """Counts the images that ``ResilientDataset`` had to replace, and names them after the epoch.

    Args:
        shown: how many of them the log names; all of them go to ``broken_images.txt`` in the work
            dir.
    """

    def __init__(self, shown: int = 10) -> None:
        self.shown = shown
        self.broken = {}

    def before_train_epoch(self, runner) -> None:
        self.broken = {}

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        for sample in data_batch['data_samples']:
            self.broken.update(sample.get('broken_images', {}))

    def after_train_epoch(self, runner) -> None:
        broken = {}
        for part in all_gather_object(self.broken):
            broken.update(part)
        if not broken or runner.rank:
            return
        lines = [f'{path}: {reason}' for path, reason in sorted(broken.items())]
        with open(f'{runner.work_dir}/broken_images.txt', 'a') as file:
            file.writelines(f'epoch {runner.epoch + 1}: {line}\n' for line in lines)
        more = '' if len(lines) <= self.shown else f' and {len(lines) - self.shown} more'
        runner.logger.warning(
            f'{len(lines)} of {len(runner.train_dataloader.dataset)} images could not be read in '
            f'epoch {runner.epoch + 1}; each was replaced by the next one. They are listed in '
            f'{file.name}: {"; ".join(lines[:self.shown])}{more}')
