"""What the watch sees of a run, and that it stops one that has collapsed, and no other."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmpretrain.models.losses import CrossEntropyLoss
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.nn import functional as F

from mimco_mm.models import InfoNCELoss, MaskedSwinTransformer, MimCo
from mimco_mm.watch.health_hook import HealthHook
from mimco_mm.watch.observation import StepObserver, contrast, global_features, level_of
from mimco_mm.watch.stopping import TrainingStopped
from tests import tiny
from tests.leaves import leaves

FEATURES = {'feature_std', 'rankme'}


def logits(level: str) -> set:
    return {f'{level}{name}' for name in ('positive_logit', 'negative_logit', 'accuracy')}


MIMCO = {*FEATURES, 'teacher_std', 'patch_agreement', *logits('patch_'), *logits('image_')}


@pytest.fixture
def run(tmp_path):
    """A function that trains a tiny run of 4 iterations, HealthHook's options given."""
    tiny.write_images(tmp_path / 'images', 16)
    teacher = tiny.write_teacher(tmp_path / 'teacher.pth')

    def train(name='mimco_swin-t', overrides=None, **options):
        cfg = tiny.config(name, tmp_path / 'run', tmp_path / 'images', batch_size=8, epochs=2,
                          **(overrides or {}))
        if 'mimco' in name:
            cfg.model.target_generator.checkpoint = str(teacher)
        for hook in cfg.custom_hooks:
            if hook.type == 'HealthHook':
                # 4 steps do not bring a positive logit above the negative ones
                hook.update(dict(interval=1, grace=0., patience=2, min_logit_gap=None), **options)
        runner = tiny.train(cfg)
        runner.random_state = torch.get_rng_state()
        return runner

    return train


def scalars(runner) -> list:
    """The health scalars of each line that LocalVisBackend has written."""
    lines = Path(runner._log_dir, 'vis_data', 'scalars.json').read_text().splitlines()
    return [{key[len('health/'):]: value for key, value in json.loads(line).items()
             if key.startswith('health/')} for line in lines]


@pytest.mark.parametrize('name, overrides, wanted', [
    ('mimco_swin-t', {}, MIMCO),
    ('ablations/mimco_swin-t_no-mask', {'model.image_neck': None, 'model.image_head': None},
     MIMCO - logits('image_')),
    ('teachers/moby_swin-t', {}, {*FEATURES, *logits('')}),
])
def test_healthy_run__logs_all_scalars_and_ends_well(run, name, overrides, wanted):
    runner = run(name, overrides)
    lines = scalars(runner)
    assert len(lines) == 4 and runner.iter == 4
    for line in lines:
        assert line.keys() == wanted
        assert 0 < line['feature_std'] < 1.5 and 1 <= line['rankme'] <= 8
        assert all(-1 <= line[key] <= 1 for key in line if key.endswith(('agreement', 'accuracy')))
    assert not [module for module in runner.model.modules() if module._forward_hooks]


def test_scalars__are_those_of_the_step(run, monkeypatch):
    """Against a step that is taken apart by hand."""
    kept = []
    loss = MimCo.loss

    def spy(self, inputs, data_samples, **kwargs):
        queue = self.patch_head.queues[0].keys.clone()
        parts = {}
        hooks = [module.register_forward_hook(
            lambda module, args, out, name=name: parts.update({name: out.detach()}))
            for name, module in (('q', self.patch_head.predictor), ('k', self.momentum_patch_neck),
                                 ('z_k', self.target_generator))]
        losses = loss(self, inputs, data_samples, **kwargs)
        for hook in hooks:
            hook.remove()
        mask = torch.stack([sample.mask for sample in data_samples]).bool()
        mask = mask.repeat_interleave(parts['q'].shape[2] // mask.shape[1], 1).repeat_interleave(
            parts['q'].shape[3] // mask.shape[2], 2)
        q, k = (F.normalize(parts[key].movedim(1, -1)[mask], dim=1) for key in 'qk')
        positive, negative = (q * k).sum(1), q @ queue.T
        kept.append(dict(
            patch_agreement=positive.mean(), patch_positive_logit=positive.mean() / 0.2,
            patch_negative_logit=negative.mean() / 0.2,
            patch_accuracy=(positive > negative.amax(1)).float().mean(),
            teacher_std=F.normalize(parts['z_k'].mean((2, 3)), dim=1).std(0).mean() * 16**0.5))
        return losses

    monkeypatch.setattr(MimCo, 'loss', spy)
    lines = scalars(run(overrides={'train_cfg.max_epochs': 1}))
    assert len(kept) == len(lines) == 2
    for wanted, got in zip(kept, lines):
        for name, value in wanted.items():
            assert got[name] == pytest.approx(value.item(), rel=1e-4, abs=1e-5), name


def test_scalars__go_to_tensorboard(run):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    runner = run(overrides={'visualizer.vis_backends.0.type': 'TensorboardVisBackend'})
    events = EventAccumulator(runner._log_dir + '/vis_data')
    events.Reload()
    assert {f'health/{name}' for name in MIMCO} <= set(events.Tags()['scalars'])
    assert [event.step for event in events.Scalars('health/rankme')] == [1, 2, 3, 4]


@pytest.mark.parametrize('epoch_length, wanted', [(7, [3, 6, 10, 13]), (2, [3, 6, 9, 12])])
def test_interval__follows_the_logger_in_long_epochs(epoch_length, wanted):
    hook, due = HealthHook(interval=3), []
    for iteration in range(14):
        runner = SimpleNamespace(train_dataloader=range(epoch_length), iter=iteration)
        if hook.due(runner, iteration % epoch_length):
            due.append(iteration + 1)
    assert due == wanted


def constant_backbone(monkeypatch):
    """A network that has collapsed: it gives the same features for every image."""
    forward = MaskedSwinTransformer.forward

    def collapsed(self, x, mask=None):
        out = forward(self, x, mask)[-1]
        return (torch.ones_like(out).cumsum(1) + 0 * out, )

    monkeypatch.setattr(MaskedSwinTransformer, 'forward', collapsed)


def test_collapse__ends_the_run_with_the_quantity_the_mends_and_the_batch(
        run, monkeypatch, tmp_path):
    constant_backbone(monkeypatch)
    with pytest.raises(TrainingStopped) as stopped:
        run(patience=3)
    message = str(stopped.value)
    for part in ('stopped at iteration 3 (epoch 2)', 'the run has collapsed: feature_std is',
                 'below 0.02', 'since iteration 1, in 3 measurements in a row',
                 'min_feature_std', 'rankme 1', 'epoch_1.pth', 'learning rate', 'teacher',
                 '--mask-ratio', 'collapse_iter_3.pth'):
        assert part in message, (part, message)
    saved = torch.load(tmp_path / 'run' / 'collapse_iter_3.pth', weights_only=True)
    assert saved['inputs'].shape == (8, 3, 32, 32) and saved['masks'].shape == (8, 4, 4)
    assert sorted(saved['paths'])[0].endswith('.png') and len(saved['paths']) == 8
    assert (saved['iteration'], saved['epoch']) == (3, 2)


def test_collapse__is_told_even_where_the_batch_cannot_be_saved(run, monkeypatch, tmp_path):
    constant_backbone(monkeypatch)
    (tmp_path / 'run' / 'collapse_iter_3.pth').mkdir(parents=True)  # in the file's place
    with pytest.raises(TrainingStopped, match='the run has collapsed: (?s:.*) '
                                              'batch of rank 0 could not be saved .*collapse_iter'):
        run(patience=3)


@MODELS.register_module()
class OwnLoss(InfoNCELoss):
    """A user's own, with logits of another form."""

    def logits(self, *keys):
        return super().logits(*keys)[0]


def test_failed_measurement__is_logged_and_ends_nothing(run):
    runner = run(overrides={'model.patch_head.loss.type': 'OwnLoss'})
    assert runner.iter == 4 and scalars(runner) == 4 * [{}]
    log = Path(runner._log_dir, f'{runner.timestamp}.log').read_text()
    assert 'health of iteration 4: failed, and the run goes on without it (RuntimeError: ' in log


HEALTHY = dict(feature_std=0.5, rankme=6., patch_positive_logit=2., patch_negative_logit=0.)


def stopped_at(hook: HealthHook, rows: list) -> int:
    """Row of measurements at which a hook ends the run; 0 if it does not."""
    hook.count = 16
    for number, changed in enumerate(rows, start=1):
        stopped = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr('mimco_mm.watch.health_hook.stop_training',
                          lambda *args, stopped=stopped: stopped.append(args))
            hook.judge(SimpleNamespace(iter=number), {**HEALTHY, **changed}, {})
        if stopped:
            return number
    return 0


@pytest.mark.parametrize('low, limit', [
    (dict(feature_std=0.01), 'min_feature_std'), (dict(rankme=1.1), 'min_rankme'),
    (dict(patch_positive_logit=0.04), 'min_logit_gap')])
def test_judge__stops_at_each_limit_after_a_row_of_low_values(low, limit):
    assert stopped_at(HealthHook(patience=3), [low] * 5) == 3
    assert stopped_at(HealthHook(patience=3), [low, low, {}] * 3) == 0
    assert stopped_at(HealthHook(patience=1, **{limit: None}), [low] * 5) == 0
    assert stopped_at(HealthHook(patience=1), [{}] * 5) == 0


def test_judge__leaves_few_features_alone():
    hook = HealthHook(patience=1)
    assert hook.judged(HEALTHY).keys() == {'patch_positive_logit - patch_negative_logit'}


@pytest.mark.parametrize('options', [dict(interval=0), dict(patience=0), dict(grace=1.5),
                                     dict(samples=1)])
def test_options__are_checked(options):
    with pytest.raises(ValueError, match='`grace` from 0 to 1'):
        HealthHook(**options)


@pytest.mark.parametrize('name', ['mimco_swin-t', 'teachers/moby_swin-t'])
def test_watched_run__ends_bitwise_as_one_that_is_not(run, name):
    watched, other = (run(name, interval=interval) for interval in (1, 100))
    for part in ('model', 'optim_wrapper'):
        states = [dict(leaves(getattr(runner, part).state_dict())) for runner in (watched, other)]
        assert len(states[0]) > 30 and states[0].keys() == states[1].keys()
        for key, value in states[0].items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(states[1][key])), key
    assert torch.equal(*(runner.random_state for runner in (watched, other)))


def test_contrast__of_cross_entropy_equals_info_nce():
    torch.manual_seed(0)
    q, k, queue = (F.normalize(torch.randn(n, 4), dim=1) for n in (6, 6, 9))
    loss = InfoNCELoss(0.5)
    positive, negatives = loss.logits(q, k, queue)
    as_logits = torch.cat([negatives[:, :2], positive[:, None], negatives[:, 2:]], 1)
    wanted = contrast(loss, (q, k, queue), 4)
    got = contrast(CrossEntropyLoss(), (as_logits, torch.full((6, ), 2)), 4)
    torch.testing.assert_close(got, wanted)
    assert 0 <= wanted[2] < 1
    torch.testing.assert_close(wanted[0], (q * k).sum(1)[:4].mean() / 0.5)


def test_global_features__of_maps_vectors_and_others():
    maps = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(global_features((None, maps)), maps.mean((2, 3)))
    vector = torch.randn(2, 3)
    assert torch.equal(global_features([vector]), vector)
    assert global_features(torch.randn(2, 5, 3)) is None and global_features({}) is None


@pytest.mark.parametrize('name, level', [('patch_head.loss_module', 'patch_'),
                                         ('head.loss_module', ''), ('decoder.loss', 'decoder_')])
def test_level_of__a_loss_module(name, level):
    assert level_of(name) == level


def observed(model, inputs, samples) -> StepObserver:
    observer = StepObserver(model, 6)
    observer.attach(samples)
    model.loss(inputs, samples)
    observer.detach()
    return observer


def test_simmim__is_watched_as_far_as_it_goes():
    torch.manual_seed(0)
    samples = [DataSample(mask=torch.rand(4, 4) > 0.5) for _ in range(8)]
    simmim = MODELS.build(dict(
        type='SimMIM', backbone=dict(type='MaskedSwinTransformer', **tiny.BACKBONE),
        neck=dict(type='SimMIMLinearDecoder', in_channels=16, encoder_stride=8),
        head=dict(type='SimMIMHead', patch_size=8, loss=dict(
            type='PixelReconstructionLoss', criterion='L1', channel=3))))
    observer = observed(simmim, torch.randn(8, 3, 32, 32), samples)
    assert observer.scalars == {} and observer.features.keys() == {'feature'}
    assert observer.features['feature'].shape == (6, 16)


def test_mocov3__is_watched_with_its_cross_entropy():
    torch.manual_seed(0)
    config = Config.fromfile(tiny.CONFIGS / 'pretrain/teachers/mocov3_vit-s.py').model
    config.backbone.update(img_size=32, patch_size=16, arch=dict(
        embed_dims=32, num_layers=1, num_heads=2, feedforward_channels=32))
    config.neck.in_channels = 32
    model = MODELS.build(config)
    MessageHub.get_current_instance().update_info('max_iters', 10)
    MessageHub.get_current_instance().update_info('iter', 0)
    observer = observed(model, [torch.randn(8, 3, 32, 32) for _ in range(2)], [])
    assert observer.scalars.keys() == logits('') and observer.features.keys() == {'feature'}
    assert [len(calls) for calls in observer.scalars.values()] == [2, 2, 2]
    assert observer.features['feature'].shape == (6, 32)
