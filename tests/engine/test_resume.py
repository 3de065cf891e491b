"""A run that was stopped and resumed ends exactly as one that was not."""

import pytest
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from mimco_mm.checkpoints import read_checkpoint
from tests import tiny
from tests.leaves import differing, run_state


class Stop(Exception):
    """Stands for the scheduler that ends a job."""


@HOOKS.register_module(force=True)
class StopAtEpoch(Hook):
    """Ends the process's work in the middle of the third epoch, as a time limit would."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.epoch == 2 and batch_idx == 1:
            raise Stop


def load(work_dir) -> dict:
    return run_state(read_checkpoint(work_dir / 'epoch_4.pth'))


@pytest.mark.parametrize('name, workers', [('mimco_swin-t', 2), ('teachers/moby_swin-t', 0)])
def test_resume__ends_bitwise_as_an_unbroken_run(name, workers, tmp_path):
    data = tiny.write_images(tmp_path / 'images', 12)
    teacher = tiny.write_teacher(tmp_path / 'teacher.pth')
    overrides = {
        'train_dataloader.num_workers': workers,
        'train_dataloader.persistent_workers': workers > 0,
        'optim_wrapper.optimizer.lr': 1.0,  # large steps, so that any difference grows
    }
    if 'mimco' in name:
        overrides['model.target_generator.checkpoint'] = str(teacher)

    def config(work_dir):
        return tiny.config(name, tmp_path / work_dir, data, **overrides)

    tiny.train(config('unbroken'))
    stopped = config('stopped')
    stopped.custom_hooks = [*stopped.custom_hooks, dict(type='StopAtEpoch')]
    with pytest.raises(Stop):
        tiny.train(stopped)
    resumed = config('stopped')
    resumed.resume = True
    tiny.train(resumed)

    wanted, got = load(tmp_path / 'unbroken'), load(tmp_path / 'stopped')
    assert wanted['meta'] == got['meta'] and wanted['meta']['/iter'] == 12
    assert not differing(wanted, got)
    assert any('queues.0.keys' in path for path in wanted['state_dict'])
    assert not any('target_generator' in path for path in wanted['state_dict'])
