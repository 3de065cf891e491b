"""A signal in the middle of an epoch: the step is finished and saved, and the run goes on from it
as if nothing had been."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from mimco_mm.checkpoints import read_checkpoint
from mimco_mm.errors import ConfigError
from mimco_mm.options import EPOCHS_KEYS
from mimco_mm.processes.signals import Interrupted
from tests import tiny
from tests.leaves import PARTS, differing, run_state

EPOCHS, IMAGES, BATCH = 3, 22, 2  # 11 iterations an epoch


@HOOKS.register_module(force=True)
class SignalAt(Hook):
    """The process gets a signal in an iteration."""

    def __init__(self, iteration: int, number: int = signal.SIGTERM) -> None:
        self.iteration, self.number = iteration, number

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter + 1 == self.iteration:
            os.kill(os.getpid(), self.number)


def state_of(file) -> dict:
    return run_state(read_checkpoint(file), (*PARTS, 'rank_states'))


@pytest.mark.parametrize('name, workers, accumulate, at, stops', [
    ('mimco_swin-t', 0, 4, 14, 15),  # iterations 12-15 are one step
    ('teachers/moby_swin-t', 2, 1, 16, 16),
    ('mimco_swin-t', 2, 1, 22, 22),  # the last one of an epoch
])
def test_signal__saves_what_goes_on_bit_for_bit(name, workers, accumulate, at, stops, tmp_path):
    data = tiny.write_images(tmp_path / 'images', IMAGES)
    overrides = {
        'train_dataloader.num_workers': workers,
        'train_dataloader.persistent_workers': workers > 0,
        'optim_wrapper.accumulative_counts': accumulate,
        'optim_wrapper.optimizer.lr': 1.0,  # large steps, so that any difference grows
    }
    if 'mimco' in name:
        overrides['model.target_generator.checkpoint'] = str(
            tiny.write_teacher(tmp_path / 'teacher.pth'))

    def config(work_dir):
        return tiny.config(name, tmp_path / work_dir, data, BATCH, EPOCHS, **overrides)

    tiny.train(config('unbroken'))
    stopped = config('stopped')
    stopped.custom_hooks = [*stopped.custom_hooks, dict(type='SignalAt', iteration=at)]
    handler = signal.getsignal(signal.SIGTERM)
    file = tmp_path / 'stopped' / f'iter_{stops}.pth'
    with pytest.raises(Interrupted, match=f'by SIGTERM after iteration {stops} .*; saved: {file}'):
        tiny.train(stopped)
    assert signal.getsignal(signal.SIGTERM) is handler
    assert (tmp_path / 'stopped/last_checkpoint').read_text() == str(file)
    resumed = config('stopped')
    resumed.resume = True
    tiny.train(resumed)

    last = f'epoch_{EPOCHS}.pth'
    assert not differing(state_of(tmp_path / 'unbroken' / last),
                         state_of(tmp_path / 'stopped' / last))
    assert not file.exists(), 'what the run has gone on from is left behind'


def test_checkpoints_by_iterations__go_on_bit_for_bit_too(tmp_path):
    data = tiny.write_images(tmp_path / 'images', IMAGES)

    def config(work_dir):
        return tiny.config('teachers/moby_swin-t', tmp_path / work_dir, data, BATCH, EPOCHS, **{
            'optim_wrapper.optimizer.lr': 1.0, 'default_hooks.checkpoint.by_epoch': False,
            'default_hooks.checkpoint.interval': 16})

    tiny.train(config('unbroken'))
    stopped = config('stopped')
    stopped.custom_hooks = [*stopped.custom_hooks, dict(type='SignalAt', iteration=16)]
    with pytest.raises(Interrupted, match='after iteration 16 .*iter_16.pth'):
        tiny.train(stopped)
    short = config('stopped')
    short.merge_from_dict({'resume': True, 'train_cfg.max_epochs': 1, 'param_scheduler.0.end': 1,
                           'custom_hooks.1.expected': EPOCHS_KEYS})  # as --epochs 1 does
    with pytest.raises(ConfigError, match=r'\(iteration 16\) is beyond the end .* says 1\.'):
        tiny.train(short)
    resumed = config('stopped')
    resumed.resume = True
    tiny.train(resumed)
    assert not differing(*(state_of(tmp_path / folder / 'iter_33.pth')
                           for folder in ('unbroken', 'stopped')))
    assert (tmp_path / 'stopped/iter_16.pth').is_file(), 'the config asks for it, signal or not'


def test_data_workers__do_not_hold_up_the_end_of_their_process():
    """Those of a run whose error is still kept, as notebooks keep the last one."""
    subprocess.run([sys.executable, '-c', WORKERS_AT_EXIT], check=True, timeout=200)


WORKERS_AT_EXIT = '''
from torch.utils.data import DataLoader
from mimco_mm.processes.signals import outliving
kept = iter(DataLoader(range(4), num_workers=1, worker_init_fn=outliving()))
next(kept)
'''


@pytest.mark.parametrize('folder, own', [('run', True), ('elsewhere', False)])
def test_file_of_an_interruption__is_this_runs_to_remove_if_it_lies_here(folder, own, tmp_path):
    hook = HOOKS.build(dict(type='InterruptionHook'))
    runner = SimpleNamespace(_resume=True, work_dir=str(tmp_path / 'run'),
                             _load_from=str(tmp_path / folder / 'iter_7.pth'))
    hook.after_load_checkpoint(runner, dict(meta=dict(interrupted='iter_7.pth')))
    assert hook.resumed == ('iter_7.pth' if own else None)
