from mmengine.hooks import Hook
from mmengine.runner import set_random_seed
from mmpretrain.registry import HOOKS

# Apart from any number of ranks, so that no rank of one epoch repeats another's of the next.
EPOCH_STRIDE = 100_003


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Ties all randomness of an epoch to (seed, epoch, rank), so that a resumed run repeats it.

    The model's generators (drop path) are seeded here; datasets that seed each sample by itself
    (``ResilientDataset``) are told the epoch.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner) -> None:
        set_random_seed(runner.seed + EPOCH_STRIDE * runner.epoch + runner.rank)
        set_epoch = getattr(runner.train_dataloader.dataset, 'set_epoch', None)
        if set_epoch is not None:
            set_epoch(runner.epoch)
