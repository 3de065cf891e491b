"""What a config's parts stumble over is told by their keys, and leaves nothing behind."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from mimco_mm.errors import ConfigError
from mimco_mm.launching import build_runner, parts_told
from mimco_mm.launching.checks import check_files
from mimco_mm.launching.leftovers import no_empty_folders, nothing_left
from tests import tiny


@pytest.fixture(scope='module')
def files(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('building')
    tiny.write_images(root / 'images', 4)
    tiny.write_teacher(root / 'teacher.pth')
    return root


def small(files: Path, work_dir: Path, **overrides) -> Config:
    return tiny.config('mimco_swin-t', work_dir, files / 'images', epochs=1, **{
        'model.target_generator.checkpoint': str(files / 'teacher.pth'), **overrides})


def train(cfg: Config) -> None:
    found = []
    with parts_told(cfg, model=lambda: found[0].model if found else None):
        found.append(build_runner(cfg))
        found[0].train()


@pytest.mark.parametrize('key, value, message', [
    ('model.patch_neck.in_channels', 99,
     r'`model.patch_neck.0` \(Conv2d\) cannot be used as it is: RuntimeError: Given groups'),
    ('model.backbone.arch', 'foo', '`model.backbone` cannot be .*AssertionError: Arch foo'),
    ('optim_wrapper.optimizer.betas', 0.9, '`optim_wrapper.optimizer` cannot .*TypeError'),
    ('param_scheduler', [dict(type='LinearLR', begin=4, end=2)],
     '`param_scheduler.0` cannot be used as it is: ValueError: end should be larger'),
    ('train_dataloader.sampler', dict(type='InfiniteSampler', dataset_size=3),
     '`train_dataloader.sampler` cannot be used as it is: TypeError'),
    ('visualizer.vis_backends', [dict(type='NeptuneVisBackend')],  # its package is not installed
     '`visualizer.vis_backends` cannot be used as it is: ImportError: .*pip install'),
])
def test_parts_told__names_the_key(files, tmp_path, key, value, message):
    with pytest.raises(ConfigError, match=f'(?s){message}.*MIMCO_TRACEBACK=1'):
        train(small(files, tmp_path / 'run', **{key: value}))


@pytest.mark.parametrize('processes, batch, fits', [(1, 4, True), (1, 5, False), (2, 2, True),
                                                    (2, 3, False), (4, 1, True), (8, 1, True)])
def test_check_files__a_batch_on_each_process(files, tmp_path, processes, batch, fits):
    """4 images; the share of the last process is filled up."""
    cfg = small(files, tmp_path / 'run', train_dataloader=dict(batch_size=batch))
    if fits:
        return check_files(cfg, processes)
    with pytest.raises(ConfigError, match=f'4 images, fewer than one batch of {batch} on each of '
                                          f'{processes} ranks'):
        check_files(cfg, processes)


def test_check_files__keys_of_all_processes_fit_the_queue(files, tmp_path):
    cfg = small(files, tmp_path / 'run', **{
        'train_dataloader.batch_size': 2, 'model.patch_head.queue_len': 3})
    check_files(cfg, 1)
    with pytest.raises(ConfigError, match='^2 ranks x 2 images bring 4 keys in an iteration, more '
                                          'than `model.patch_head.queue_len`=3 holds: take a '
                                          '--batch-size of 1 at most'):
        check_files(cfg, 2)


@HOOKS.register_module()
class HookWithABug(Hook):

    def before_train(self, runner) -> None:
        {}['a']


def test_parts_told__an_error_of_ones_own_code_keeps_its_traceback(files, tmp_path):
    cfg = small(files, tmp_path / 'run', custom_hooks=[dict(type='HookWithABug')])
    with pytest.raises(KeyError, match="^'a'$"):
        train(cfg)


def test_parts_told__so_does_one_of_a_run_that_works_already():
    with pytest.raises(RuntimeError, match='^late$'), parts_told(Config(), begun=lambda: True):
        raise RuntimeError('late')


def start(work_dir: Path, error: Exception) -> None:
    """Write what a start does, and end by an error."""
    (work_dir / '20260101_120000').mkdir(parents=True)
    (work_dir / 'c.py').touch()
    raise error


@pytest.mark.parametrize('error, begun, left', [
    (ConfigError('told'), False, ['before']), (RuntimeError('a bug'), False, None),
    (ConfigError('late'), True, None)])
def test_nothing_left__of_a_start_that_was_refused(tmp_path, error, begun, left):
    (tmp_path / 'c.py').touch()
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    (work_dir / 'before').touch()
    cfg = Config(dict(work_dir=str(work_dir)), filename=str(tmp_path / 'c.py'))
    with pytest.raises(type(error)), nothing_left(cfg, lambda: begun):
        start(work_dir, error)
    everything = ['20260101_120000', 'before', 'c.py']
    assert sorted(path.name for path in work_dir.iterdir()) == (left or everything)


def test_no_empty_folders__go_those_that_were_made_and_stay_empty(tmp_path):
    with no_empty_folders(str(tmp_path / 'a' / 'b')):
        (tmp_path / 'a' / 'b').mkdir(parents=True)
    assert not (tmp_path / 'a').exists()
    with no_empty_folders(str(tmp_path / 'a' / 'b')):
        (tmp_path / 'a' / 'b' / 'kept').mkdir(parents=True)
    assert (tmp_path / 'a' / 'b' / 'kept').is_dir()


def test_build_runner__runs_of_one_process_share_no_log(files, tmp_path):
    """mmengine would tell them apart by name and second, and give both the first one's scalars."""
    runs = []
    for folder in ('a', 'b'):
        cfg = small(files, tmp_path / folder)
        cfg.experiment_name = None
        runs.append(build_runner(cfg))
    names = [run.experiment_name.removesuffix(run.timestamp) for run in runs]
    assert names[0] != names[1]
    assert runs[0].message_hub is not runs[1].message_hub
    assert runs[0].visualizer is not runs[1].visualizer and runs[0].logger is not runs[1].logger
