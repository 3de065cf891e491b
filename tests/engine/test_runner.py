import logging
import math
import os

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmpretrain.registry import RUNNERS
from torch import nn

from mimco_mm.engine import PretrainRunner
from mimco_mm.models.utils import EqualSyncBatchNorm, convert_sync_batchnorm
from tests import tiny


@pytest.fixture
def paths(tmp_path):
    data = tiny.write_images(tmp_path / 'images', 8)
    return dict(work_dir=tmp_path / 'run', data_root=data), {
        'model.target_generator.checkpoint': str(tiny.write_teacher(tmp_path / 'teacher.pth'))
    }


@pytest.mark.parametrize('batch, accumulation, wanted', [(4, 1, 4e-3 * 4 / 2048),
                                                         (4, 2, 4e-3 * 8 / 2048),
                                                         (8, 1, 4e-3 * 8 / 2048)])
def test_scale_lr__follows_batch_and_accumulation(paths, batch, accumulation, wanted):
    folders, overrides = paths
    cfg = tiny.config('mimco_swin-t', **folders, batch_size=batch, epochs=2, **overrides,
                      **{'optim_wrapper.accumulative_counts': accumulation})
    runner = tiny.train(cfg)
    group = runner.optim_wrapper.optimizer.param_groups[0]
    assert group['initial_lr'] == pytest.approx(wanted, 1e-9)


def test_scale_lr__off_leaves_the_configured_rate(paths):
    folders, overrides = paths
    cfg = tiny.config('mimco_swin-t', **folders, epochs=2, **overrides,
                      **{'auto_scale_lr.enable': False, 'optim_wrapper.accumulative_counts': 2})
    group = tiny.train(cfg).optim_wrapper.optimizer.param_groups[0]
    assert group['initial_lr'] == pytest.approx(4e-3, 1e-9)


@pytest.mark.parametrize('epochs_of_warmup, schedulers', [(0.4, 1), (0.5, 2)])
def test_schedule__a_warmup_of_less_than_an_iteration_is_left_out(paths, epochs_of_warmup,
                                                                  schedulers):
    folders, overrides = paths
    warmup = dict(type='LinearLR', end=epochs_of_warmup, convert_to_iter_based=True)
    cosine = dict(type='CosineAnnealingLR', begin=epochs_of_warmup, T_max=1, end=1,
                  convert_to_iter_based=True)
    runner = tiny.train(tiny.config('mimco_swin-t', **folders, **overrides, epochs=1,
                                    **{'param_scheduler': [warmup, cosine]}))
    assert runner.iter == 2 and len(runner.param_schedulers) == schedulers


def test_build_train_loop__fewer_images_than_a_batch_is_an_error(paths):
    folders, overrides = paths
    cfg = tiny.config('mimco_swin-t', **folders, batch_size=9, **overrides)
    with pytest.raises(ValueError, match='8 images, fewer than one batch of 9.*batch_size'):
        tiny.train(cfg)


@pytest.mark.parametrize('checkpoint', ['nowhere.pth', 'other'])
def test_train__unfit_teacher_stops_the_run_before_the_first_step(paths, tmp_path, checkpoint):
    folders, _ = paths
    if checkpoint == 'other':
        checkpoint = str(tmp_path / 'other.pth')
        torch.save(nn.Linear(2, 2).state_dict(), checkpoint)
    cfg = tiny.config('mimco_swin-t', **folders,
                      **{'model.target_generator.checkpoint': checkpoint})
    runner = RUNNERS.build(cfg)
    with pytest.raises(ValueError, match='model.target_generator.checkpoint'):
        runner.train()
    assert runner.iter == 0


def test_summary__says_batch_rate_warmup_teacher_and_frozen(paths, caplog):
    folders, overrides = paths
    cfg = tiny.config('mimco_swin-t', **folders, epochs=2, **overrides,
                      **{'optim_wrapper.accumulative_counts': 2})
    runner = RUNNERS.build(cfg)
    with caplog.at_level(logging.INFO, runner.logger.name):
        runner.logger.addHandler(caplog.handler)
        runner.train()
    summary = next(r.getMessage() for r in caplog.records
                   if r.getMessage().startswith('Pre-training summary'))
    last = 4e-3 * 8 / 2048 * (0.01 + 0.99 * (1 + math.cos(math.pi * 3 / 4)) / 2)
    for part in ('images/train: 8 images', '1 x cpu, float32',
                 'effective batch 8 = 1 rank x 4 images x 2 accumulated; 2 iterations',
                 'masks 60 %: 10 of 16 units of 8 px',
                 f'learning rate {4e-3 * 8 / 2048:.4g} (scaled from one for a batch of 2048)',
                 f'warm-up 2 iterations, schedule to epoch 2; last step at {last:.4g}\n',
                 f'results in {folders["work_dir"]}',
                 'teacher.pth (sha256', '37 tensors matched, 0 missing', 'frozen, in eval mode',
                 'momentum_patch_neck', 'momentum_image_neck'):
        assert part in summary, (part, summary)


def test_summary__says_where_a_schedule_does_not_end_with_the_run(paths, caplog):
    folders, overrides = paths
    cfg = tiny.config('mimco_swin-t', **folders, epochs=1, **overrides,
                      **{'param_scheduler': [dict(type='LinearLR', by_epoch=True, end=3)],
                         'train_dataloader.collate_fn.type': 'collate_coded'})
    runner = RUNNERS.build(cfg)
    with caplog.at_level(logging.INFO, runner.logger.name):
        runner.logger.addHandler(caplog.handler)
        runner.train()
    assert ('schedule to epoch 3, while the run ends with epoch 1: --epochs sets both'
            in caplog.text)
    assert 'images/train: 8 images, decoded on cpu\n' in caplog.text
    # one learning rate is logged, and none of what the libraries say of each parameter
    assert ' lr: ' in caplog.text and 'base_lr' not in caplog.text
    assert 'torch.Size' not in caplog.text and 'Hooks will be executed' not in caplog.text


def test_autocast__runs_on_a_cpu_in_float32():
    from mimco_mm.engine import AutocastOptimWrapper
    model = nn.Linear(4, 4)
    wrapper = AutocastOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=1.))
    assert isinstance(wrapper, OptimWrapper)
    with wrapper.optim_context(model):
        wanted = torch.bfloat16 if wrapper.enabled else torch.float32
        assert model(torch.ones(1, 4)).dtype == wanted
    with pytest.raises(ValueError, match='AmpOptimWrapper'):
        AutocastOptimWrapper(dtype='float16',
                             optimizer=torch.optim.SGD(model.parameters(), lr=1.))


def test_convert_sync_batchnorm__keeps_weights_and_statistics():
    norm = nn.SyncBatchNorm(3)
    norm.running_mean += 2
    converted = convert_sync_batchnorm(nn.Sequential(norm))[0]
    assert type(converted) is EqualSyncBatchNorm
    x = torch.randn(4, 3, 2, 2)
    torch.testing.assert_close(converted.eval()(x), (x - 2) / (1 + norm.eps)**0.5)


def test_runner__is_registered_for_mmpretrains_own_training_script():
    assert RUNNERS.get('mmpretrain.PretrainRunner') is PretrainRunner


def test_deterministic__reaches_torch_and_what_cublas_asks_for(paths, monkeypatch):
    monkeypatch.delenv('CUBLAS_WORKSPACE_CONFIG', raising=False)
    folders, overrides = paths
    cfg = tiny.config('mimco_swin-t', **folders, epochs=1, **overrides,
                      randomness=dict(deterministic=True))
    try:
        runner = tiny.train(cfg)
        assert runner.iter == 2 and torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark and torch.backends.cudnn.deterministic
        assert os.environ['CUBLAS_WORKSPACE_CONFIG'] == ':4096:8'
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.deterministic = False
