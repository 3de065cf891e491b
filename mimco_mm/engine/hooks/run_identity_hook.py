from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmpretrain.registry import HOOKS

from ...errors import ConfigError, DataError


@HOOKS.register_module()
class RunIdentityHook(Hook):
    """Keeps a run one run: a resumed part must go on as the first began, on every rank alike.

    The schedules count iterations, so that another batch would bend them in silence, and the
    teacher is read anew from its own file. Batch, iterations an epoch and the teacher's hash are
    therefore saved with each checkpoint and compared when it is resumed.
    """

    priority = 'VERY_HIGH'

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['meta']['run_identity'] = self.identity(runner)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if not runner._resume:
            return
        saved, here = checkpoint['meta'].get('run_identity'), self.identity(runner)
        if saved is not None and saved != here:
            raise ConfigError(
                f'The checkpoint belongs to a run with {saved}, but this one has {here}. Resume '
                'with the same ranks x batch x accumulation, images and teacher, or begin a new '
                'run from its weights with `load_from`.')

    def before_train(self, runner) -> None:
        ranks = all_gather_object((runner.iter, self.identity(runner)))
        if any(rank != ranks[0] for rank in ranks):
            raise DataError(
                f'The ranks do not agree on (iteration, run): {ranks}. The work dir and the '
                "teacher's file must be the same on all nodes.")

    @staticmethod
    def identity(runner) -> dict:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        report = getattr(getattr(model, 'target_generator', None), 'report', None)
        loader = runner.train_dataloader
        batch = runner.world_size * loader.batch_size * runner.optim_wrapper._accumulative_counts
        return dict(effective_batch=batch, iterations_an_epoch=len(loader),
                    teacher_sha256=report.sha256 if report else None)
