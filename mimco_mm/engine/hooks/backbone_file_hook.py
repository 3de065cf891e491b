from pathlib import Path
from typing import Dict, List, Union

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.registry import HOOKS
from torch import nn

from ...checkpoints import heads_of, save_backbone
from ...models import teachers_of
from ...version import __version__
from ..resuming import identity_of
from ..sharding import gathered, unsharded_type


@HOOKS.register_module()
class BackboneFileHook(Hook):
    """Writes the backbone alone, named by the epoch, when training has ended.

    The file ``backbone_epoch_N.pth`` is what transfers begin from: no heads, no queues, no
    optimizer. It also says which run and teacher it comes from.
    """

    priority = 'LOWEST'  # after the last checkpoint
    begun_at = 0  # iteration at which this process went on

    def before_train(self, runner) -> None:
        self.begun_at = runner.iter

    def after_train(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        weights = gathered(model.backbone.state_dict())  # of all ranks
        self.write(runner, model, weights, trained=runner.iter > self.begun_at)

    @staticmethod
    @master_only
    def write(runner, model: nn.Module, weights: Dict[str, torch.Tensor], trained: bool) -> None:
        """Write the file, and say where it is.

        A run that was finished when it was resumed keeps its file: transfers go by its hash, which
        is another one for each release and wording of the config that stand in the file.
        """
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        when = f'epoch_{runner.epoch}' if by_epoch else f'iter_{runner.iter}'
        reports = [teacher.report for teacher in teachers_of(model).values()]
        file = Path(runner.work_dir, f'backbone_{when}.pth')
        if file.is_file() and not trained:
            runner.logger.info('This run was finished: nothing was left to train. The backbone '
                               f'alone, as it was written before: {file}')
            return
        save_backbone(
            file,
            weights,
            heads_of(model.backbone),
            algorithm=unsharded_type(model).__name__,
            epoch=runner.epoch,
            iter=runner.iter,
            seed=runner.seed,
            config=runner.cfg.pretty_text,
            teacher='; '.join(map(str, reports)) or None,
            teacher_checkpoint=one_or_all([report.checkpoint for report in reports]),
            run_identity=identity_of(runner),
            mimco_mm_version=__version__)
        runner.logger.info(f'The backbone alone, for transfers and exports: {file}')


def one_or_all(values: List[str]) -> Union[None, str, List[str]]:
    """The one of a list of one, None of none."""
    return values if len(values) > 1 else next(iter(values), None)
