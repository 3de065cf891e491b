from pathlib import Path
from typing import List

from mmengine.dist import is_main_process
from mmengine.fileio.backends import BaseStorageBackend
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper
from mmpretrain.registry import HOOKS

from ...checkpoints import write_text


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook, in an order in which a kill at any moment loses nothing.

    - What is too old (``max_keep_ckpts``), and a best file that was bettered, is removed when the
      new file is there; mmengine removes it first, and a full disk then leaves none.
    - With accumulated gradients, which it does not hold, a checkpoint by iterations waits for the
      step that they are for.
    - ``last_checkpoint`` is written as a whole. It keeps the absolute path that mmengine's own
      runner, which does not look where the note lies, can follow.

    ``PretrainRunner`` takes it in place of mmengine's, whatever the config's scope, and writes the
    checkpoints themselves as a whole.
    """

    due = False  # a checkpoint, at the next step

    def every_n_train_iters(self, runner, n: int, start: int = 0) -> bool:
        wrapper = runner.optim_wrapper
        pending = isinstance(wrapper, OptimWrapper) and not wrapper.should_update()
        due = self.due or super().every_n_train_iters(runner, n, start)
        self.due = due and pending
        return due and not pending

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        kept, outdated = [], []
        if self.max_keep_ckpts > 0:
            kept = [*(one for one in self.keep_ckpt_ids if one != step), step]
            outdated = kept[:-self.max_keep_ckpts]
            # all of them, so that a run that is killed before the removal does it when it resumes
            runner.message_hub.update_info('keep_ckpt_ids', kept)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir, name, self.file_client_args, save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler, meta=meta, by_epoch=self.by_epoch,
            backend_args=self.backend_args, **self.args)
        if is_main_process():
            write_text(Path(runner.work_dir, 'last_checkpoint'), self.last_ckpt)
            for one in outdated:
                remove(self.file_backend, self.file_backend.join_path(
                    self.out_dir, self.filename_tmpl.format(one)))
        if self.max_keep_ckpts > 0:
            self.keep_ckpt_ids.clear()
            self.keep_ckpt_ids.extend(kept[len(outdated):])

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        backend = self.file_backend
        self.file_backend = putting_off = PutOff(backend)
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = backend
        for path in putting_off.outdated:
            remove(backend, path)


class PutOff:
    """A file backend that notes what is to be removed, for the time after."""

    def __init__(self, backend: BaseStorageBackend) -> None:
        self.backend = backend
        self.outdated: List[str] = []

    def remove(self, path: str) -> None:
        self.outdated.append(path)

    rmtree = remove

    def __getattr__(self, name: str):
        return getattr(self.backend, name)


def remove(backend: BaseStorageBackend, path: str) -> None:
    if backend.isfile(path):
        backend.remove(path)
    elif backend.isdir(path):  # DeepSpeed's are folders
        backend.rmtree(path)
