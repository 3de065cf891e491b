import warnings
from typing import Optional

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.registry import HOOKS


@HOOKS.register_module()
class AccumulationHook(Hook):
    """Lets the steps of accumulated gradients stand for the steps of one larger batch.

    mmengine counts ``optim_wrapper.accumulative_counts`` through all epochs, so that gradients may
    be pending when a checkpoint is written, which does not hold them. Here each epoch counts by
    itself: its last optimizer step takes the mean over what is left. Moving averages are told by
    the MessageHub, as ``accumulating``, in which iterations the weights that they follow have not
    moved since the last one.
    """

    def before_train(self, runner) -> None:
        """Leave out what the schedules say of gradients that are added up while they go on."""
        if runner.optim_wrapper._accumulative_counts > 1:
            warnings.filterwarnings('ignore', 'Detected call of `scheduler.step')

    def before_train_epoch(self, runner) -> None:
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return  # the run counts as one epoch
        wrapper, iterations = runner.optim_wrapper, len(runner.train_dataloader)
        done = runner.iter - runner.epoch * iterations  # before a run was interrupted
        wrapper._inner_count, wrapper._max_counts = done, iterations
        wrapper._remainder_counts = iterations % wrapper._accumulative_counts

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        pending = batch_idx % runner.optim_wrapper._accumulative_counts > 0
        runner.message_hub.update_info('accumulating', pending)

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        runner.message_hub.update_info('accumulating', False)  # what follows may be another run
