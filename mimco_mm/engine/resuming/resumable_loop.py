from itertools import islice
from typing import Iterable

from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.registry import LOOPS
from torch.utils.data import DataLoader


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """mmengine's loop over epochs, which goes on in the middle of one.

    The batches before are left out by their indices: no image of them is read. Hooks hear
    ``before_rest_of_epoch`` when the data workers have begun, and before the first batch.
    """

    def run_epoch(self) -> None:
        """Run an epoch, or what is left of it."""
        count = len(self.dataloader)
        begin = self._iter - self._epoch * count
        begin = begin if 0 < begin <= count else 0
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        batches = iter(rest(self.dataloader, begin) if begin else self.dataloader)
        if begin:
            self.runner.call_hook('before_rest_of_epoch')
        for index, batch in enumerate(batches, begin):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


def rest(loader: DataLoader, begin: int) -> Iterable:
    """The batches of an epoch from ``begin`` on."""
    batches = list(islice(loader.batch_sampler, begin, None))
    if not batches:
        return []
    return DataLoader(
        loader.dataset, batch_sampler=batches, num_workers=loader.num_workers,
        collate_fn=loader.collate_fn, pin_memory=loader.pin_memory, timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn, generator=loader.generator,
        multiprocessing_context=loader.multiprocessing_context,
        prefetch_factor=loader.prefetch_factor)
