from pathlib import Path
from typing import Optional

from mmengine.dist import barrier, master_only
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.registry import HOOKS

from ...checkpoints import write_text
from ...processes.agreement import StopAgreement
from ...processes.signals import Interrupted, listener, name
from ..resuming import ResumableEpochLoop


@HOOKS.register_module()
class InterruptionHook(Hook):
    """Ends a run that gets a signal after an optimizer step, and saves it as iter_N.pth.

    Any rank may get it; all of them stop after the same step (``StopAgreement``). Such a file is
    removed once a run that went on from it has saved again, unless the config asks for it anyway.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.steps = 0
        self.agreement: Optional[StopAgreement] = None
        self.resumed: Optional[str] = None  # name of the file, if an interruption wrote it

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Note the file that an interruption of the run in this work dir wrote, and no other's."""
        own = runner._resume and Path(runner._load_from or '').resolve().parent == Path(
            runner.work_dir).resolve()
        self.resumed = checkpoint['meta'].get('interrupted') if own else None

    def before_train(self, runner) -> None:
        self.agreement = StopAgreement(f'mimco/stop/{runner.timestamp}')

    def before_train_iter(self, runner, *args, **kwargs) -> None:
        listener.stoppable = True  # to the end: what is written after the last step is whole

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        wrapper = runner.optim_wrapper
        if isinstance(wrapper, OptimWrapper) and not wrapper.should_update():
            return  # gradients are pending, which no checkpoint holds
        self.steps += 1
        number = self.agreement.stops(self.steps, listener.received)
        if number is not None:
            self.stop(runner, number)

    def after_train_epoch(self, runner) -> None:
        self.remove_superseded(runner)

    def after_end(self, runner) -> None:
        """However the run has ended."""
        listener.stoppable = False

    def stop(self, runner, number: int) -> None:
        """Save, on all ranks together.

        Raises:
            Interrupted: always.
        """
        where = f'after iteration {runner.iter + 1} (epoch {runner.epoch + 1})'
        loop = runner.train_loop
        if isinstance(loop, EpochBasedTrainLoop) and not isinstance(loop, ResumableEpochLoop):
            raise Interrupted(number, f'Ended by {name(number)} {where}, and not saved, as '
                              f'{type(loop).__name__} cannot go on within an epoch. --resume goes '
                              'on from the last checkpoint, if there is one.')
        runner.call_hook('before_interruption')
        file = Path(runner.work_dir, f'iter_{runner.iter + 1}.pth')
        meta = {} if self.noted(runner) == file.name else dict(interrupted=file.name)
        runner.message_hub.update_info('last_ckpt', str(file))
        runner.save_checkpoint(runner.work_dir, file.name, by_epoch=False,
                               meta=meta)
        self.note(runner, file)
        self.remove_superseded(runner)
        runner.visualizer.close()
        barrier()  # none ends before the file is there
        raise Interrupted(number, f'Interrupted by {name(number)} {where}; saved: {file}. The same '
                          'command with --resume goes on from there.')

    @staticmethod
    @master_only
    def note(runner, file: Path) -> None:
        write_text(Path(runner.work_dir, 'last_checkpoint'), str(file))

    @staticmethod
    def noted(runner) -> str:
        """Name of the checkpoint that was saved last."""
        note = Path(runner.work_dir, 'last_checkpoint')
        return Path(note.read_text()).name if note.is_file() else ''

    @master_only
    def remove_superseded(self, runner) -> None:
        """Remove the file that this run went on from, if it has saved since."""
        if self.resumed and self.noted(runner) not in ('', self.resumed):
            Path(runner.work_dir, self.resumed).unlink(missing_ok=True)
            self.resumed = None
