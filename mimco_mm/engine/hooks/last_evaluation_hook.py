from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.registry import HOOKS


@HOOKS.register_module()
class LastEvaluationHook(Hook):
    """Evaluates a run that is resumed when no step of it is left.

    mmengine's loops evaluate after a step alone. A run that was killed between its last checkpoint
    and the end of the evaluation after it would never get its result; one that has it is evaluated
    once more.
    """

    priority = 'LOWEST'  # what others begin with a run, they have begun

    def before_train(self, runner) -> None:
        loop = runner.train_loop
        ended = (loop.epoch >= loop.max_epochs if isinstance(loop, EpochBasedTrainLoop)
                 else loop.iter >= loop.max_iters)
        if ended and runner.val_loop is not None:
            runner.val_loop.run()
