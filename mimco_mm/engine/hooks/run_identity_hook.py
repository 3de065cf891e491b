from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmpretrain.registry import HOOKS

from ...errors import ConfigError, DataError


@HOOKS.register_module()
class RunIdentityHook(Hook):
    """Keeps a run one run: a resumed part must go on as the first began, on every rank alike.

    The schedules count iterations, so that another batch would bend them in silence; the teacher
    is read anew from its own file; and a fine-tuning that is resumed never looks at the file that
    it is told to start from. Batch, iterations an epoch and the hashes of teacher and start are
    therefore saved with each checkpoint and compared when it is resumed.
    """

    priority = 'VERY_HIGH'

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['meta']['run_identity'] = self.identity(runner)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if not runner._resume:
            return
        saved, here = checkpoint['meta'].get('run_identity') or {}, self.identity(runner)
        # what an older version did not save cannot be compared
        if saved != {key: here.get(key) for key in saved}:
            raise ConfigError(
                f'The checkpoint belongs to a run with {saved}, but this one has {here}. Resume '
                'with the same ranks x batch x accumulation, images, teacher and start, begin '
                'anew in another --work-dir, or from its weights with `load_from`.')

    def before_train(self, runner) -> None:
        ranks = all_gather_object((runner.iter, self.identity(runner)))
        if any(rank != ranks[0] for rank in ranks):
            raise DataError(
                f'The ranks do not agree on (iteration, run): {ranks}. The work dir, and the file '
                'of teacher or start, must be the same on all nodes.')

    @staticmethod
    def identity(runner) -> dict:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        teacher = getattr(getattr(model, 'target_generator', None), 'report', None)
        start = getattr(getattr(model, 'backbone', None), 'started_from', None)
        loader = runner.train_dataloader
        batch = (runner.world_size * loader.batch_sampler.batch_size
                 * runner.optim_wrapper._accumulative_counts)
        return dict(effective_batch=batch, iterations_an_epoch=len(loader),
                    teacher_sha256=teacher.sha256 if teacher else None,
                    start_sha256=start.sha256 if start else None)
