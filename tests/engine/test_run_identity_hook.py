"""A run goes on as what it was, or as what its user says that it is to become."""

import shutil

import pytest
import torch

from mimco_mm.checkpoints import read_checkpoint
from mimco_mm.errors import ConfigError
from mimco_mm.watch.stopping import last_checkpoint
from tests import tiny

QUEUE, NECK = 'model.image_head.queue_len', 'model.patch_neck.hid_channels'


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A folder with images, teachers, and the work dir of a run of 2 epochs."""
    root = tmp_path_factory.mktemp('identity')
    tiny.write_images(root / 'images', 8)
    tiny.write_images(root / 'others', 8)
    (root / 'others' / 'train' / '00.png').rename(root / 'others' / 'train' / 'other.png')
    tiny.write_teacher(root / 'teacher.pth')
    other = torch.load(root / 'teacher.pth', weights_only=True)
    other['state_dict']['backbone.norm1.bias'] += 1
    torch.save(other, root / 'other.pth')
    tiny.train(config(root, 'run'))
    return root


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it, elsewhere."""
    return shutil.copytree(finished, tmp_path / 'copy')


def config(root, work_dir='run', batch_size=4, teacher='teacher.pth', images='images', epochs=2,
           **overrides):
    overrides['model.target_generator.checkpoint'] = str(root / teacher)
    return tiny.config('mimco_swin-t', root / work_dir, root / images, epochs=epochs,
                       batch_size=batch_size, **overrides)


def resumed(cfg, force_change=(), expected=()):
    cfg.resume = True
    cfg.custom_hooks[1].update(force_change=list(force_change), expected=list(expected))
    return tiny.train(cfg)


def told(cfg, **hook) -> list:
    with pytest.raises(ConfigError) as error:
        resumed(cfg, **hook)
    return [line.strip() for line in str(error.value).splitlines()]


@pytest.mark.parametrize('change, lines', [
    (dict(batch_size=8), ['effective_batch: was 4, now 8',
                          'iterations_an_epoch: was 2, now 1']),
    ({'optim_wrapper.accumulative_counts': 2}, ['effective_batch: was 4, now 8']),
    ({'optim_wrapper.optimizer.lr': 0.5}, ['optim_wrapper.optimizer.lr: was 0.004, now 0.5']),
    ({'optim_wrapper.clip_grad': None},
     ['optim_wrapper.clip_grad: was absent, now None',
      'optim_wrapper.clip_grad.max_norm: was 5.0, now absent']),
    ({'randomness.seed': 3}, ['randomness.seed: was 0, now 3']),
    (dict(epochs=3), ['param_scheduler.0.end: was 2, now 3',
                      'train_cfg.max_epochs: was 2, now 3']),
    ({'model.base_momentum': 0.5}, ['model.base_momentum: was 0.99, now 0.5']),
    ({'train_dataloader.dataset.dataset.pipeline.1.aspect_ratio_range': (0.5, 2.0)},
     ['train_dataloader.dataset.dataset.pipeline.1.aspect_ratio_range: was [0.75, '
      '1.3333333333333333], now [0.5, 2.0]']),
])
def test_resume__of_other_settings_is_refused_key_by_key(finished, change, lines):
    said = told(config(finished, **change))
    assert said[0] == 'The checkpoint is of a run with other settings:'
    assert sorted(said[1:-1]) == sorted(lines)
    assert 'load_from=FILE' in said[-1] and '--force-change' in said[-1]
    assert all(line.split(':')[0] in said[-1].split('--force-change ')[1] for line in lines)


@pytest.mark.parametrize('change, key', [
    (dict(teacher='other.pth'), 'teacher_sha256'), (dict(images='others'), 'images_sha256')])
def test_resume__with_another_teacher_or_as_many_other_images_is_refused(finished, change, key):
    said = told(config(finished, **change))
    assert len(said) == 3 and said[1].startswith(f'{key}: was ')
    assert f'--force-change {key}' in said[2]


@pytest.mark.parametrize('key, first', [
    (QUEUE, 'image_head.queues.0.keys'), (NECK, 'patch_neck.0.weight')])
def test_resume__of_another_network_is_refused_whatever_is_forced(finished, key, first):
    for forced in ((), (key, )):
        said = told(config(finished, **{key: 24}), force_change=forced)
        assert said[0] == 'The checkpoint is of another network than this run has:'
        assert (f'{key}: was {40 if key == QUEUE else 16}, now 24' in said) == (not forced)
        assert any(first.partition('.')[0] in line and ': was (' in line for line in said)
        assert said[-1].startswith('No run can go on with other shapes')


def test_resume__what_does_not_decide_the_result_may_differ(run):
    (run / 'images').rename(run / 'moved')
    (run / 'teacher.pth').rename(run / 'renamed.pth')
    cfg = config(run, images='moved', teacher='renamed.pth', **{
        'train_dataloader.num_workers': 1, 'default_hooks.logger.interval': 7,
        'custom_hooks.6.interval': 3})
    assert resumed(cfg).iter == 4


def test_force_change__counts_and_is_remembered(run):
    changes = {'optim_wrapper.optimizer.lr': 0.5, 'optim_wrapper.optimizer.weight_decay': 0.25,
               'randomness.seed': 3, 'epochs': 4}
    keys = ['optim_wrapper', 'randomness.seed', 'train_cfg.max_epochs', 'param_scheduler']
    runner = resumed(config(run, **changes), force_change=keys)
    assert runner.iter == 8 and runner.seed == 3
    groups = runner.optim_wrapper.optimizer.param_groups
    assert {group['weight_decay'] for group in groups} == {0.25, 0.}
    assert groups[0]['initial_lr'] == pytest.approx(0.5 * 4 / 2048)
    assert resumed(config(run, **changes), force_change=keys).iter == 8  # a job that is requeued
    said = told(config(run, **changes), force_change=[*keys, 'model'])
    assert said[0].startswith('--force-change model: this is what it was, or no key that')


def test_force_change__of_the_optimizer_takes_a_rate_as_it_is(run):
    changes = {'optim_wrapper.optimizer.lr': 0.5, 'auto_scale_lr.enable': False}  # as --lr 0.5
    said = told(config(run, batch_size=8, **changes), force_change=['optim_wrapper'])
    assert said[-1].endswith('--force-change optim_wrapper effective_batch iterations_an_epoch')
    assert resumed(config(run, **changes), force_change=['optim_wrapper']).iter == 4


def test_last_checkpoint__of_a_copy_is_its_own(run, finished):
    assert str(finished) in (run / 'run' / 'last_checkpoint').read_text()
    assert last_checkpoint(config(run)).startswith(f'Last checkpoint: {run}/run/epoch_2.pth.')


def test_force_change__another_batch_goes_on_at_the_same_epoch(run):
    keys = ['effective_batch', 'iterations_an_epoch']
    runner = resumed(config(run, batch_size=8, epochs=3), force_change=keys,
                     expected=['train_cfg.max_epochs', 'param_scheduler.0.end'])
    assert (runner.epoch, runner.iter) == (3, 3)


def test_resume__of_an_older_file_compares_what_it_has(run):
    for file in (run / 'run').glob('epoch_*.pth'):
        content = torch.load(file, weights_only=False)
        identity = content['meta']['run_identity']
        content['meta']['run_identity'] = {key: identity[key] for key in (
            'effective_batch', 'iterations_an_epoch', 'teacher_sha256', 'start_sha256')}
        torch.save(content, file)
    assert told(config(run, epochs=3))[1:-1] == ['param_scheduler.0.end: was 4, now 6']
    assert told(config(run, **{'optim_wrapper.optimizer.weight_decay': 0.25}))[1:-1] == [
        'optim_wrapper.optimizer.1.weight_decay: was 0.05, now 0.25']
    assert told(config(run, **{QUEUE: 24}))[0].startswith('The checkpoint is of another network')
    assert resumed(config(run, images='others')).iter == 4
    assert resumed(config(run, epochs=3), expected=['param_scheduler.0.end']).iter == 6


def test_load_from__takes_the_weights_of_any_run(finished, tmp_path):
    cfg = config(finished, batch_size=8)
    cfg.load_from = str(finished / 'run' / 'epoch_2.pth')
    cfg.work_dir = str(tmp_path)
    assert tiny.train(cfg).iter == 2


def test_checkpoint__holds_the_runs_identity(finished):
    identity = read_checkpoint(finished / 'run' / 'epoch_2.pth')['meta']['run_identity']
    assert len(identity.pop('teacher_sha256')) == len(identity.pop('images_sha256')) == 64
    settings, places = identity.pop('config'), identity.pop('places')
    assert places.pop('train_dataloader.dataset.dataset.data_root').endswith('/images')
    assert places.pop('model.target_generator.checkpoint').endswith('teacher.pth')
    assert places == {'batch_size': 4, 'train_dataloader.dataset.dataset.data_prefix': 'train'}
    assert identity == dict(effective_batch=4, iterations_an_epoch=2, images=8, start_sha256=None,
                            changed=[])
    assert settings['model.patch_head.queue_len'] == 40 and settings['randomness.seed'] == 0
    assert not [key for key in settings if 'data_root' in key or 'checkpoint' in key]
