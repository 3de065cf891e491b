"""A run that goes on with more epochs follows the schedule of so many, not the end of the old."""

import math

import pytest
from mmengine.config import Config

from mimco_mm.checkpoints import read_checkpoint
from mimco_mm.engine import check_parts
from mimco_mm.errors import ConfigError
from mimco_mm.options.shortcuts import EPOCHS_KEYS, set_epochs
from tests import tiny

KINDS = {
    'ours': [dict(type='WarmupCosineLR', warmup=1, min_ratio=0.01, end=2, by_epoch=True,
                  convert_to_iter_based=True)],
    'lists': [dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=1,
                   convert_to_iter_based=True),
              dict(type='CosineAnnealingLR', T_max=1, eta_min=1e-9, by_epoch=True, begin=1, end=2,
                   convert_to_iter_based=True),
              dict(type='CosineAnnealingParamScheduler', param_name='weight_decay', eta_min=0.4,
                   by_epoch=False, begin=0, end=8)],
    'by epoch': [dict(type='PolyLR', eta_min=1e-8, by_epoch=True, begin=0, end=2)],
}


@pytest.fixture
def paths(tmp_path):
    tiny.write_images(tmp_path / 'images', 8)
    return tmp_path


def config(paths, work_dir, epochs, kind=None, name='teachers/moby_swin-t', **overrides) -> Config:
    cfg = tiny.config(name, paths / work_dir, paths / 'images', epochs=2, **overrides)
    if kind:
        cfg.param_scheduler = KINDS[kind]
    if epochs != 2:
        set_epochs(cfg, epochs)
    cfg.custom_hooks[1].expected = list(EPOCHS_KEYS)
    return cfg


def ends(paths, work_dir, epoch) -> dict:
    content = read_checkpoint(paths / work_dir / f'epoch_{epoch}.pth')
    settings = [{key: value for key, value in group.items() if key != 'params'}
                for group in content['optimizer']['param_groups']]
    return dict(schedulers=content['param_schedulers'], settings=settings)


@pytest.mark.parametrize('kind', KINDS)
def test_resume__with_more_epochs_has_the_rates_of_a_run_of_so_many(paths, kind, caplog):
    whole = tiny.train(config(paths, 'whole', 4, kind))
    tiny.train(config(paths, 'parts', 2, kind))
    rest = config(paths, 'parts', 4, kind)
    rest.resume = True
    runner = tiny.train(rest)
    assert runner.iter == whole.iter == 8
    rates = [one.message_hub.get_scalar('train/lr').data[0][-4:].tolist()
             for one in (whole, runner)]
    assert rates[0] == rates[1] and len(set(rates[0])) > 1
    for epoch in (3, 4):
        assert ends(paths, 'parts', epoch) == ends(paths, 'whole', epoch)


def test_momentum__follows_the_new_length_by_itself(paths):
    tiny.train(config(paths, 'run', 2))
    rest = config(paths, 'run', 4)
    rest.resume = True
    runner = tiny.train(rest)
    assert runner.message_hub.get_info('max_iters') == 8  # what MomentumCopy counts against


@pytest.mark.parametrize('schedule, loop, told', [
    (KINDS['ours'], dict(max_epochs=3), r'`param_scheduler.0.end`=2 .*`train_cfg.max_epochs`=3'),
    (KINDS['lists'], dict(max_epochs=3), '`param_scheduler.1.end`=2'),
    (dict(type='CosineAnnealingLR', T_max=2), dict(max_epochs=3), '`param_scheduler.T_max`=2'),
    ([dict(type='PolyLR', by_epoch=False, end=9)], dict(max_iters=10), 'Set both to the same'),
])
def test_start__a_schedule_that_ends_before_the_run_is_refused(schedule, loop, told):
    with pytest.raises(ConfigError, match=f'(?s){told}'):
        check_parts(Config(dict(param_scheduler=schedule, train_cfg=loop)))


@pytest.mark.parametrize('schedule, loop', [
    (KINDS['ours'], dict(max_epochs=2)), (KINDS['ours'], dict(max_epochs=1)),
    ([dict(type='LinearLR', end=2)], dict(max_epochs=math.inf)),
    ([dict(type='MultiStepLR', milestones=[2])], dict(max_epochs=9)),
    ([dict(type='mmpretrain.PolyLR', by_epoch=False, end=9)], dict(max_epochs=9)),
    (None, dict(max_epochs=9)), (KINDS['ours'], None)])
def test_start__others_are_not(schedule, loop):
    check_parts(Config(dict(param_scheduler=schedule, train_cfg=loop)))
