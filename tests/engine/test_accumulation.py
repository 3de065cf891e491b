"""Accumulated gradients: n iterations are one step of a batch n times as large."""


import pytest
import torch
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS, RUNNERS

from mimco_mm.engine import AutocastOptimWrapper
from mimco_mm.models.utils import KeyQueue
from tests import tiny
from tests.engine.test_resume import Stop, StopAtEpoch, load  # noqa: F401  registers
from tests.leaves import differing, leaves
from tests.reference.algorithm1 import cosine_momentum
from tests.reference.schedule import warmup_cosine_lr

COUNTS = 2


@HOOKS.register_module(force=True)
class RecordSteps(Hook):
    """Keeps the iteration and the norm of the gradient of each optimizer step."""

    def before_train(self, runner):
        self.steps = []
        runner.optim_wrapper.optimizer.register_step_pre_hook(lambda *args: self.steps.append(
            (runner.iter, runner.message_hub.get_scalar('train/grad_norm').current())))


@pytest.fixture
def run(tmp_path):
    """A function that trains a config of some images; returns the runner."""
    teacher = tiny.write_teacher(tmp_path / 'teacher.pth')

    def train(name: str, images: int, config='mimco_swin-t', resume=False, hooks=(), **overrides):
        data = tiny.write_images(tmp_path / f'images{images}', images)
        if 'mimco' in config:
            overrides['model.target_generator.checkpoint'] = str(teacher)
        cfg = tiny.config(config, tmp_path / name, data, **overrides)
        cfg.resume = resume
        cfg.custom_hooks = [*cfg.custom_hooks, dict(type='RecordSteps'), *hooks]
        runner = RUNNERS.build(cfg)
        runner.train()
        runner.steps = next(h.steps for h in runner.hooks if isinstance(h, RecordSteps))
        return runner

    return train


def independent_samples() -> dict:
    """Nothing that one image's part of the loss would owe to others of its batch; a fixed rate."""
    norm = dict(type='GN', num_groups=4)
    levels = ('patch', 'image')
    return {'model.backbone.drop_path_rate': 0., 'param_scheduler': [],
            'optim_wrapper.optimizer': dict(
                type='SGD', lr=10., weight_decay=0.05, _delete_=True),
            **{f'model.{level}_neck.norm_cfg': norm for level in levels},
            **{f'model.{level}_head.predictor.norm_cfg': norm for level in levels}}


def test_accumulation__equals_the_larger_batch(run, monkeypatch):
    monkeypatch.setattr(KeyQueue, 'enqueue', lambda queue, keys: None)  # the same negatives
    options = independent_samples()
    large = run('large', 16, batch_size=4 * COUNTS, epochs=3, **options)
    small = run('small', 16, batch_size=4, epochs=3, **options,
                **{'optim_wrapper.accumulative_counts': COUNTS})
    assert [step for step, _ in large.steps] == [0, 1, 2, 3, 4, 5]
    assert [step for step, _ in small.steps] == [1, 3, 5, 7, 9, 11]
    for (_, wanted), (_, got) in zip(large.steps, small.steps):
        assert wanted == pytest.approx(got, rel=1e-5)
    got = dict(leaves(small.model.state_dict()))
    moved = 0
    for key, value in leaves(large.model.state_dict()):
        torch.testing.assert_close(value, got[key], rtol=1e-4, atol=1e-6,
                                   msg=lambda text, key=key: f'{key}: {text}')
        moved += 'momentum' in key
    assert moved


def test_accumulation__moving_averages_move_once_a_step(run):
    """p3 follows the closed form, from the weights at each iteration and MoBY's momentum."""
    model = {}

    @HOOKS.register_module(force=True)
    class Keep(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            model.setdefault('p1', []).append(runner.model.patch_neck[0].weight.detach().clone())
            model.setdefault('p3', []).append(
                runner.model.momentum_patch_neck.module[0].weight.detach().clone())

    runner = run('run', 16, epochs=2, hooks=[dict(type='Keep')], **{
        'optim_wrapper.accumulative_counts': COUNTS, 'optim_wrapper.optimizer.lr': 1.0})
    wanted = model['p3'][0]
    model['p3'].append(runner.model.momentum_patch_neck.module[0].weight.detach())
    for iteration, weight in enumerate(model['p1']):
        if iteration % COUNTS == 0:
            m = cosine_momentum(iteration, runner.max_iters)
            wanted = m * wanted + (1 - m) * weight
        torch.testing.assert_close(model['p3'][iteration + 1], wanted, rtol=1e-5, atol=1e-8)
    assert len(model['p1']) == 8 and not torch.equal(wanted, model['p3'][0])


def test_epochs_end__the_last_step_takes_the_mean_of_what_is_left(run, monkeypatch):
    """3 iterations an epoch in twos: a step of two, a step of one."""
    scales, scale = [], AutocastOptimWrapper.scale_loss

    def spy(wrapper, loss):
        scaled = scale(wrapper, loss)
        scales.append(round(loss.item() / scaled.item()))
        return scaled

    monkeypatch.setattr(AutocastOptimWrapper, 'scale_loss', spy)
    runner = run('run', 12, epochs=2, **{'optim_wrapper.accumulative_counts': COUNTS})
    assert scales == [2, 2, 1, 2, 2, 1]
    assert [step for step, _ in runner.steps] == [1, 2, 4, 5]


@pytest.mark.parametrize('config', ['mimco_swin-t', 'teachers/moby_swin-t'])
def test_resume__after_an_incomplete_accumulation_is_exact(run, tmp_path, config):
    """5 iterations an epoch in fours; the checkpoint is of iteration 10."""
    options = {'optim_wrapper.accumulative_counts': 4, 'optim_wrapper.optimizer.lr': 1.0}
    run('unbroken', 20, config, **options)
    with pytest.raises(Stop):
        run('stopped', 20, config, hooks=[dict(type='StopAtEpoch')], **options)
    run('stopped', 20, config, resume=True, **options)
    assert not differing(load(tmp_path / 'unbroken'), load(tmp_path / 'stopped'))


def test_checkpoints__by_iterations_wait_for_the_step(run, tmp_path):
    """5 iterations an epoch in twos, steps after 2, 4, 5, 7, 9, 10: every 3 are 4, 7, 9."""
    hook = 'default_hooks.checkpoint.'
    run('run', 20, epochs=2, **{'optim_wrapper.accumulative_counts': COUNTS, f'{hook}interval': 3,
                                f'{hook}by_epoch': False, f'{hook}max_keep_ckpts': 9})
    assert {path.stem for path in (tmp_path / 'run').glob('iter_*.pth')} == {
        'iter_4', 'iter_7', 'iter_9', 'iter_10'}


def test_learning_rate__of_a_step_is_that_of_its_last_iteration(run):
    """A step s of twos takes it at 2s + 1 of all iterations: half a step ahead of the large run."""
    rates = []

    @HOOKS.register_module(force=True)
    class Rate(Hook):
        def before_train(self, runner):
            optimizer = runner.optim_wrapper.optimizer
            optimizer.register_step_pre_hook(
                lambda *args: rates.append(optimizer.param_groups[0]['lr']))

    run('run', 16, epochs=3, hooks=[dict(type='Rate')],
        **{'optim_wrapper.accumulative_counts': COUNTS})
    peak = 4e-3 * 4 * COUNTS / 2048
    assert rates == pytest.approx([warmup_cosine_lr(2 * step + 1, 4, 12, peak, 1e-3 * peak,
                                                    1e-2 * peak) for step in range(6)], rel=1e-9)
