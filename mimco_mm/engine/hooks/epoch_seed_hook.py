from typing import Optional

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, set_random_seed
from mmpretrain.registry import HOOKS

from ...errors import ConfigError

# Larger than any number of ranks, so that no rank of an epoch repeats another's of the next.
EPOCH_STRIDE = 100_003


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Ties all randomness of an epoch to (seed, epoch, rank), so that a resumed run repeats it.

    Datasets that seed each sample by themselves (``ResilientDataset``) are told the epoch; the
    model's generators (drop path) are seeded before its first iteration.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner) -> None:
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ConfigError('Samples are seeded by the epoch: expected an EpochBasedTrainLoop, '
                              f'got {type(runner.train_loop).__name__}. Set '
                              '`train_cfg.by_epoch=True`.')
        set_epoch = getattr(runner.train_dataloader.dataset, 'set_epoch', None)
        if set_epoch is not None:
            set_epoch(runner.epoch, runner.seed)

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        # Not earlier: a dataloader draws a number when it starts its workers, and a resumed run
        # starts them in another epoch than an unbroken one.
        if batch_idx == 0:
            set_random_seed(runner.seed + EPOCH_STRIDE * runner.epoch + runner.rank)
