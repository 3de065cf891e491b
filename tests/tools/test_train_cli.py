"""tools/train.py: what its options make of a config, and when it refuses to start."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmpretrain.registry import RUNNERS

TRAIN = Path(__file__).parents[2] / 'tools' / 'train.py'


@pytest.fixture(scope='module')
def train():
    spec = importlib.util.spec_from_file_location('train_cli', TRAIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_config(**changes) -> Config:
    loader = dict(batch_size=4, num_workers=2)
    config = dict(
        default_scope='mmpretrain',
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
        auto_scale_lr=dict(base_batch_size=2048, enable=False),
        train_dataloader=dict(loader),
        val_dataloader=dict(loader),
        val_cfg=dict(),
        val_evaluator=dict(type='Accuracy'))
    return Config({**config, **changes})


def merged(train, *options: str, **changes) -> Config:
    args = train.parse_args(['configs/pretrain/some_config.py', *options])
    return train.merge_options(make_config(**changes), args)


class TestMergeOptions:

    def test_work_dir__option_then_config_then_name(self, train):
        assert merged(train, '--work-dir', 'a b', work_dir='c').work_dir == 'a b'
        assert merged(train, work_dir='c').work_dir == 'c'
        assert Path(merged(train).work_dir) == Path('work_dirs/some_config')

    @pytest.mark.parametrize(('options', 'resume', 'load_from'), [
        ((), None, None),
        (('--resume',), True, None),
        (('--resume', 'auto'), True, None),
        (('--resume', 'x/epoch_3.pth'), True, 'x/epoch_3.pth'),
    ])
    def test_resume(self, train, options, resume, load_from):
        cfg = merged(train, *options)
        assert cfg.get('resume') is resume
        assert cfg.get('load_from') == load_from

    def test_resume__begins_from_load_from_until_there_is_a_checkpoint(self, train, tmp_path):
        options = ('--work-dir', str(tmp_path), '--resume')
        first = merged(train, *options, load_from='w.pth')
        assert (first.resume, first.load_from) == (False, 'w.pth')
        (tmp_path / 'last_checkpoint').write_text('epoch_1.pth')
        later = merged(train, *options, load_from='w.pth')
        assert (later.resume, later.load_from) == (True, None)

    @pytest.mark.parametrize(('options', 'expected'), [
        (('--amp',), dict(type='AutocastOptimWrapper', dtype='bfloat16')),
        (('--amp', 'bf16'), dict(type='AutocastOptimWrapper', dtype='bfloat16')),
        (('--amp', 'fp16'), dict(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic')),
        (('--amp', 'off'), dict(type='OptimWrapper')),
        ((), dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale=8.)),
    ])
    def test_amp(self, train, options, expected):
        wrapper = dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale=8., clip_grad=5)
        cfg = merged(train, *options, optim_wrapper=wrapper)
        assert cfg.optim_wrapper.to_dict() == dict(**expected, clip_grad=5)

    def test_amp__unknown_wrapper(self, train):
        with pytest.raises(SystemExit, match='DeepSpeedOptimWrapper'):
            merged(train, '--amp', optim_wrapper=dict(type='DeepSpeedOptimWrapper'))

    def test_no_validate(self, train):
        cfg = merged(train, '--no-validate')
        assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None

    def test_auto_scale_lr(self, train):
        assert merged(train, '--auto-scale-lr').auto_scale_lr.enable
        assert not merged(train).auto_scale_lr.enable
        with pytest.raises(SystemExit, match='base_batch_size'):
            merged(train, '--auto-scale-lr', auto_scale_lr=None)

    def test_dataloaders__defaults_and_options(self, train):
        loader = merged(train).train_dataloader
        assert loader.collate_fn.type == 'default_collate'
        assert loader.persistent_workers
        loader = merged(train, '--no-pin-memory', '--no-persistent-workers').val_dataloader
        assert not loader.pin_memory
        assert not loader.persistent_workers

    def test_dataloaders__config_wins_over_defaults(self, train):
        own = dict(num_workers=1, pin_memory=False, collate_fn=dict(type='pseudo_collate'))
        loader = merged(train, train_dataloader=own).train_dataloader
        assert not loader.pin_memory
        assert loader.collate_fn.type == 'pseudo_collate'

    def test_dataloaders__no_workers_cannot_persist(self, train):
        loader = dict(num_workers=2, persistent_workers=True)
        cfg = merged(train, '--cfg-options', 'train_dataloader.num_workers=0',
                     train_dataloader=loader)
        assert not cfg.train_dataloader.persistent_workers

    def test_cfg_options(self, train):
        cfg = merged(train, '--amp', 'fp16', '--launcher', 'pytorch', '--cfg-options',
                     'optim_wrapper.optimizer.lr=0.5', 'optim_wrapper.loss_scale=128')
        assert cfg.optim_wrapper.optimizer.lr == 0.5
        assert cfg.optim_wrapper.loss_scale == 128
        assert cfg.launcher == 'pytorch'


class TestCheckStart:

    @pytest.mark.parametrize('name', ['last_checkpoint', 'epoch_3.pth', 'iter_100.pth'])
    def test_work_dir_holds_a_run(self, train, tmp_path, name):
        (tmp_path / name).touch()
        with pytest.raises(SystemExit, match=f'(?s){name}.*--resume.*--work-dir'):
            train.check_start(merged(train, '--work-dir', str(tmp_path)))
        train.check_start(merged(train, '--work-dir', str(tmp_path), '--resume'))

    def test_logs_alone_do_not_count(self, train, tmp_path):
        (tmp_path / '20250101_000000').mkdir()
        train.check_start(merged(train, '--work-dir', str(tmp_path)))

    def test_resume_from_a_missing_file(self, train, tmp_path):
        missing = str(tmp_path / 'epoch_9.pth')
        with pytest.raises(SystemExit, match='epoch_9.pth'):
            train.check_start(merged(train, '--resume', missing))


def test_missing_config_names_near_ones(train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs' / 'mimco_swin-t.py').touch()
    with pytest.raises(SystemExit, match='no config file configs/mimco_swint.py.*mimco_swin-t.py'):
        train.load_config('configs/mimco_swint.py')


def test_runner_type_is_built_from_the_registry(train):

    class RecordingRunner:

        @classmethod
        def from_cfg(cls, cfg):
            return cls, cfg

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUNNERS.module_dict, 'RecordingRunner', RecordingRunner)
        runner, cfg = train.build_runner(make_config(runner_type='RecordingRunner'))
    assert runner is RecordingRunner
    assert cfg.auto_scale_lr.base_batch_size == 2048


def test_error_is_one_line_without_traceback(tmp_path):
    result = subprocess.run([sys.executable, str(TRAIN), 'nothing.py'], cwd=tmp_path,
                            capture_output=True, text=True, timeout=120)
    assert result.returncode == 1
    assert 'error: there is no config file nothing.py' in result.stderr
    assert 'Traceback' not in result.stderr
