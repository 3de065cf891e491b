from typing import Optional

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from .summary import summary


@HOOKS.register_module()
class PretrainSummaryHook(Hook):
    """Says before the first step what a run is about to do, and where its results go.

    Args:
        work_dir: named as the place of the results; the config's by default.
    """

    priority = 'LOWEST'

    def __init__(self, work_dir: Optional[str] = None) -> None:
        self.work_dir = work_dir

    @master_only
    def before_train(self, runner) -> None:
        lines = summary(runner, self.work_dir or runner.cfg.work_dir)
        runner.logger.info('Pre-training summary\n' + '\n'.join(f'  {line}' for line in lines))
