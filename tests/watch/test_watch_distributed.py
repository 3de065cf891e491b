"""Two gloo processes end together, whatever happens on one of them, and one of them says why."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS, RUNNERS

from mimco_mm.models import InfoNCELoss, MimCoDataPreprocessor
from mimco_mm.watch.stopping import TrainingStopped
from tests import tiny
from tests.two_ranks import on_two_ranks

MISHAPS = ('input', 'loss', 'none')
FORWARD = {cls: cls.forward for cls in (InfoNCELoss, MimCoDataPreprocessor)}


@HOOKS.register_module(force=True)
class Mishap(Hook):
    """From the second iteration on, rank 1 gets a NaN: in its input, or as a constant of a loss."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter != 1 or runner.rank != 1:
            return
        if self.kind == 'input':
            def forward(module, data, training=False, **kwargs):
                out = FORWARD[MimCoDataPreprocessor](module, data, training, **kwargs)
                out['inputs'].view(-1)[0] = math.nan
                return out
            MimCoDataPreprocessor.forward = forward
        elif self.kind == 'loss':
            InfoNCELoss.forward = lambda *args: FORWARD[InfoNCELoss](*args) + math.nan


def all_trained(root: Path) -> dict:
    ends = {}
    for kind in MISHAPS:
        cfg = tiny.config('mimco_swin-t', root / kind, root / 'images', batch_size=4, epochs=2,
                          **{'model.target_generator.checkpoint': str(root / 'teacher.pth')})
        cfg.launcher = 'pytorch'
        for hook in cfg.custom_hooks:
            if hook.type == 'HealthHook':
                hook.interval = 2
        cfg.custom_hooks = [*cfg.custom_hooks, dict(type='Mishap', kind=kind)]
        runner = RUNNERS.build(cfg)
        try:
            runner.train()
            message = ''
        except TrainingStopped as error:
            message = str(error)
        for cls, forward in FORWARD.items():
            cls.forward = forward
        logged = runner.message_hub.log_scalars
        scalars = {key: float(logged[key].current()) for key in logged if 'health' in key}
        ends[kind] = dict(message=message, iter=runner.iter, scalars=scalars)
    return ends


@pytest.fixture(scope='module')
def ends(tmp_path_factory):
    root = tmp_path_factory.mktemp('watch')
    tiny.write_images(root / 'images', 32)  # 4 iterations an epoch
    tiny.write_teacher(root / 'teacher.pth')
    return root, on_two_ranks(all_trained, root)


def test_nan_in_one_rank_s_input__stops_both_in_that_iteration(ends):
    root, (first, second) = ends
    assert first['input']['iter'] == second['input']['iter'] == 1
    assert 'First bad tensor: input of the model, (4, 3, 32, 32)' in first['input']['message']
    assert 'batch of rank 1 is saved' in first['input']['message']
    assert second['input']['message'] == ('Iteration 2: stopped together with rank 0, which says '
                                          'why.')
    saved = torch.load(root / 'input' / 'nan_iter_2.pth', weights_only=True)
    assert saved['rank'] == 1 and saved['inputs'].isnan().sum() == 1


def test_nan_of_one_rank_s_loss__stops_both_before_the_checkpoint(ends):
    root, (first, second) = ends
    assert first['loss']['iter'] == second['loss']['iter'] == 4  # after the epoch's last iteration
    assert 'a loss of another rank is not finite' in first['loss']['message']
    assert 'Not finite since iteration 2.' in first['loss']['message']
    assert 'patch_head.loss_module' in first['loss']['message']
    assert not (root / 'loss' / 'epoch_1.pth').exists()


def test_healthy_run__gives_both_ranks_the_same_figures(ends):
    _, (first, second) = ends
    assert first['none']['message'] == second['none']['message'] == ''
    assert first['none']['iter'] == 8
    assert first['none']['scalars'] == second['none']['scalars']
    assert len(first['none']['scalars']) == 10
