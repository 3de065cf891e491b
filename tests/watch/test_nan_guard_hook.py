"""A NaN ends the run before it reaches the weights, and is traced to the first bad tensor."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS, RUNNERS

from mimco_mm.models import InfoNCELoss, MaskedSwinTransformer, MimCoDataPreprocessor
from mimco_mm.watch.diagnosis import describe
from mimco_mm.watch.nan_guard_hook import NaNGuardHook
from mimco_mm.watch.stopping import TrainingStopped
from tests import tiny

AT = 2  # the iteration, from 0, in which it happens: the first of the second epoch


@HOOKS.register_module(force=True)
class Call(Hook):
    """Calls a function with the runner, before iteration ``AT``."""

    def __init__(self, function):
        self.function = function

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == AT:
            self.function(runner, data_batch)


@pytest.fixture
def stopped(tmp_path):
    """A function that trains until it is stopped; returns (message, saved file, runner)."""
    tiny.write_images(tmp_path / 'images', 8)
    teacher = tiny.write_teacher(tmp_path / 'teacher.pth')
    runners = []

    def train(function, **overrides):
        cfg = tiny.config('mimco_swin-t', tmp_path / 'run', tmp_path / 'images', epochs=3,
                          **{'model.target_generator.checkpoint': str(teacher), **overrides})

        def happen(runner, batch):
            runner.before = {key: value.clone() for key, value in runner.model.named_parameters()}
            runners.append(runner)
            function(runner, batch)

        cfg.custom_hooks = [*cfg.custom_hooks, dict(type='Call', function=None)]
        runner = RUNNERS.build(cfg)
        next(hook for hook in runner.hooks if isinstance(hook, Call)).function = happen
        with pytest.raises(TrainingStopped) as error:
            runner.train()
        saved = torch.load(tmp_path / 'run' / f'nan_iter_{AT + 1}.pth', weights_only=True)
        return str(error.value), saved, runner

    return train


def poison(tensor: torch.Tensor, value: float = math.nan) -> None:
    with torch.no_grad():
        tensor.view(-1)[3] = value


def assert_weights_kept(runner) -> None:
    for key, value in runner.model.named_parameters():
        if 'momentum' not in key:  # the search for the first bad tensor moves them once more
            assert torch.equal(value, runner.before[key]), key


@pytest.mark.parametrize('clip', [dict(max_norm=5.0), None])
def test_nan_in_the_input__is_named_and_saved_before_the_step(stopped, monkeypatch, clip):
    forward = MimCoDataPreprocessor.forward
    happened = []

    def spoilt(self, *args, **kwargs):
        out = forward(self, *args, **kwargs)
        if happened:
            poison(out['inputs'])
        return out

    monkeypatch.setattr(MimCoDataPreprocessor, 'forward', spoilt)
    message, saved, runner = stopped(lambda *args: happened.append(1),
                                     **{'optim_wrapper.clip_grad': clip})
    for part in ('stopped at iteration 3 (epoch 2): the gradient norm is nan',
                 'First bad tensor: input of the model, (4, 3, 32, 32): 1 NaN and 0 infinite of '
                 '12288 values.', 'still those of iteration 2', 'epoch_1.pth. `--resume`',
                 'nan_iter_3.pth', 'The images: look at those'):
        assert part in message, (part, message)
    assert saved['inputs'].isnan().sum() == 1 and saved['masks'].shape == (4, 4, 4)
    assert [Path(path).suffix for path in saved['paths']] == ['.png'] * 4
    assert (saved['iteration'], saved['epoch'], saved['rank']) == (3, 2, 0)
    assert_weights_kept(runner)
    log = Path(runner._log_dir, f'{runner.timestamp}.log').read_text()
    assert log.count('Training stopped at iteration 3') == 1


def test_nan_in_a_weight__is_named(stopped):
    name = 'backbone.stages.0.blocks.0.ffn.layers.0.0.weight'
    message, *_ = stopped(lambda runner, batch: poison(runner.model.get_parameter(name), math.inf))
    assert f'First bad tensor: parameter {name}, ' in message and '1 infinite' in message
    assert 'an earlier checkpoint' in message


def test_nan_in_an_activation__is_the_innermost_module_s(stopped, monkeypatch):
    def overflow(runner, batch):
        runner.model.backbone.stages[0].blocks[0].ffn.register_forward_hook(
            lambda module, args, out: out.index_fill(-1, torch.tensor([0]), math.inf))

    message, _, runner = stopped(overflow)
    assert 'First bad tensor: output of backbone.stages.0.blocks.0.ffn (FFN), (4, 64, 8)' in message
    for mend in ('lower learning rate', 'clip_grad.max_norm', 'betas'):
        assert mend in message
    assert 'instead of bfloat16' not in message  # on a CPU it was float32
    assert_weights_kept(runner)


def test_nan_of_the_teacher__is_named_with_its_layer(stopped):
    message, *_ = stopped(lambda runner, batch: poison(
        runner.model.target_generator.network.norm1.weight))
    assert 'output of target_generator.network.norm1 (LayerNorm)' in message
    assert "teacher's features: check its checkpoint and its `input_norm`." in message  # on a CPU


def test_float16_that_skips_every_step__is_told_by_its_scale(stopped):
    def fall(runner, batch):
        next(hook for hook in runner.hooks if isinstance(hook, NaNGuardHook)).interval = 1
        runner.optim_wrapper.loss_scaler = SimpleNamespace(get_scale=lambda: 2.**-20)  # a GPU's

    message, *_ = stopped(fall)
    assert 'the loss scale of float16 has fallen to 9.5e-07' in message


def test_nan_of_the_loss_alone__is_named(stopped, monkeypatch):
    """A constant NaN: its gradients are finite, so only the logged loss tells."""
    forward = InfoNCELoss.forward
    happened = []
    monkeypatch.setattr(InfoNCELoss, 'forward', lambda *args: forward(*args) + (
        math.nan if happened else 0.))
    message, *_ = stopped(lambda *args: happened.append(1))
    assert 'loss is nan, loss_patch is nan, loss_image is nan' in message
    assert 'First bad tensor: output of patch_head.loss_module (InfoNCELoss), ()' in message
    assert 'Not finite since iteration 3.' in message


def test_nan_of_a_gradient__is_named_where_it_is_nearest_to_the_loss(stopped):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * math.nan

    message, _, runner = stopped(lambda runner, batch: (
        runner.model.backbone.stages[0].blocks[0].register_forward_hook(
            lambda module, args, out: Bad.apply(out))))
    assert 'First bad tensor: gradient of backbone.stages.0.blocks.0.ffn.layers.1.bias' in message
    assert_weights_kept(runner)


def test_nan_that_does_not_come_again__is_said(stopped):
    def once(runner, batch):
        handle = runner.model.backbone.register_forward_hook(
            lambda module, args, out: (handle.remove(), (out[-1] * math.nan, ))[1])

    message, *_ = stopped(once)
    assert 'First bad tensor: none when the step was run again' in message


def test_accumulated_gradients__the_batch_is_the_one_with_the_bad_loss(stopped, monkeypatch):
    forward = MaskedSwinTransformer.forward
    happened = []
    monkeypatch.setattr(MaskedSwinTransformer, 'forward', lambda *args: (
        forward(*args)[-1] * (math.nan if happened else 1.), ))
    message, *_ = stopped(lambda *args: happened.append(1),
                          **{'optim_wrapper.accumulative_counts': 2})
    assert 'loss is nan' in message  # the first of two parts: before any gradient is used


def test_gradient_norm__without_clipping_is_computed_and_logged(tmp_path):
    tiny.write_images(tmp_path / 'images', 4)
    teacher = tiny.write_teacher(tmp_path / 'teacher.pth')
    norms = []
    for name, clip in (('clipped', dict(max_norm=1e9)), ('not', None)):
        runner = tiny.train(tiny.config(
            'mimco_swin-t', tmp_path / name, tmp_path / 'images', epochs=1,
            **{'model.target_generator.checkpoint': str(teacher),
               'optim_wrapper.clip_grad': clip}))
        norms.append(runner.message_hub.get_scalar('train/grad_norm').current())
    assert 0 < norms[0] == pytest.approx(norms[1], rel=1e-6)


def test_describe():
    assert describe('x', torch.tensor([1., math.nan, -math.inf])) == (
        'x, (3,): 1 NaN and 1 infinite of 3 values')
