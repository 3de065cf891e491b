"""A run that was stopped and resumed ends exactly as one that was not."""

import pytest
import torch
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from mimco_mm.checkpoints import read_checkpoint
from tests import tiny


class Stop(Exception):
    """Stands for the scheduler that ends a job."""


@HOOKS.register_module(force=True)
class StopAtEpoch(Hook):
    """Ends the process's work in the middle of the third epoch, as a time limit would."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.epoch == 2 and batch_idx == 1:
            raise Stop


def leaves(value, path=''):
    """Every tensor and number of a checkpoint, by path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f'{path}/{key}')
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from leaves(inner, f'{path}/{index}')
    elif isinstance(value, (torch.Tensor, int, float)):
        yield path, value


def load(work_dir) -> dict:
    checkpoint = read_checkpoint(work_dir / 'epoch_4.pth')
    parts = ('state_dict', 'optimizer', 'param_schedulers')
    found = {part: dict(leaves(checkpoint[part])) for part in parts}
    found['meta'] = {key: checkpoint['meta'][key] for key in ('epoch', 'iter', 'seed')}
    return found


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('name', ['mimco_swin-t', 'teachers/moby_swin-t'])
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
    assert wanted['meta'] == got['meta'] and wanted['meta']['iter'] == 12
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert wanted[part].keys() == got[part].keys() and wanted[part]
        for path, value in wanted[part].items():
            equal = torch.equal(value, got[part][path]) if isinstance(
                value, torch.Tensor) else value == got[part][path]
            assert equal, f'{part}{path}'
    assert any('queues.0.keys' in path for path in wanted['state_dict'])
    assert not any('target_generator' in path for path in wanted['state_dict'])
