"""Values, types and groups of a config that no run can work with are refused in words."""

from copy import deepcopy

import pytest
from mmengine.config import Config
from mmengine.dataset import DefaultSampler
from torch.optim import AdamW

from mimco_mm.errors import ConfigError
from mimco_mm.launching.run_config import Request, requested_config
from mimco_mm.options import CONFIGS, apply_options, check_config

PIPELINE = 'train_dataloader.dataset.dataset.pipeline'
COUNT = 'expects a whole number from 1 up, got'


@pytest.fixture(scope='module')
def read() -> Config:
    return Config.fromfile(CONFIGS / 'pretrain/mimco_swin-t.py')


@pytest.mark.parametrize('option, message', [
    ('train_cfg.max_epochs=0', f'`train_cfg.max_epochs` {COUNT} 0'),
    ('train_cfg.max_epochs=-5', COUNT),
    ('train_dataloader.batch_size=0', COUNT),
    ('model.data_preprocessor.mean=[1,2]', 'in place of .*Set `data_preprocessor.mean`'),
    ('train_dataloader=dict(batch_size=2.5)', f'`train_dataloader.batch_size` {COUNT} 2.5'),
    ('train_dataloader=dict(batch_size="a")', "expects a number, got 'a'"),
    ('train_dataloader.num_workers=-1', 'expects a whole number from 0 up, got -1'),
    ('optim_wrapper.optimizer.lr=-1', 'expects a number above 0, got -1'),
    ('optim_wrapper.optimizer.lr=1e999', 'expects a number above 0, got inf'),
    ('optim_wrapper.optimizer.betas=(0.9,2)', 'expects a number from 0 to 1, got 2'),
    ('optim_wrapper.accumulative_counts=0', COUNT),
    ('default_hooks.logger.interval=0', COUNT),
    ('default_hooks.checkpoint.interval=0', 'or -1 for never, got 0'),
    ('custom_hooks.HealthHook.interval=0', COUNT),
    ('model.patch_head.queue_len=-4', COUNT),
    ('model.patch_head.loss.temperature=0', 'expects a number above 0, got 0'),
    (f'{PIPELINE}.3.mask_ratio=1.5', 'expects a number above 0 and at most 1, got 1.5'),
    ('randomness.seed=-1', 'expects a whole number from 0 to 2147483647, got -1'),
    ('model.base_momentum=1.1', 'expects a number from 0 to 1, got 1.1'),
    ('log_level=LOUD', 'expects one of DEBUG, INFO'),
    ('env_cfg.dist_cfg.backend=foo', 'expects one of .*nccl'),
    ('env_cfg.dist_cfg.foo=1', 'takes no `foo`. It takes backend'),
    ('model_wrapper_cfg.foo=1', 'takes no `foo`'),
    ('default_scope=foo', "expects a library of parts that is installed here.* got 'foo'"),
    ('custom_imports.imports=[nothere]', r"`custom_imports` \['nothere'\] cannot be imported"),
    ('custom_hooks.0=None', r'`custom_hooks.0` expects a hook, dict\(type=...\), got None'),
    ('runner_type=Foo', '`runner_type`: there is no Foo'),
    ('train_dataloader.sampler=dict(type="DefaultSamplr")',
     '`train_dataloader.sampler.type`: there is no DefaultSamplr.*Did you mean `DefaultSampler`'),
    ('visualizer.vis_backends=[dict(type=Foo)]', '`visualizer.vis_backends.0.type`: there is no'),
    ('optim_wrapper.constructor=Foo', '`optim_wrapper.constructor`: there is no Foo'),
    ('optim_wrapper.paramwise_cfg.lr_mult=2',
     'MergedGroupsConstructor does not read it. Did you mean `bias_lr_mult`'),
    ('optim_wrapper.paramwise_cfg.layer_decay_rate=0.9', 'It reads .*flat_decay_mult'),
])
def test_options__out_of_range_or_unknown(read, option, message):
    with pytest.raises(ConfigError, match=f'(?s){message}'):
        apply_options(deepcopy(read), [option])


def test_config_file__is_checked_as_options_are(read):
    cfg = deepcopy(read)
    cfg.model.image_head.queue_len = 0
    with pytest.raises(ConfigError, match='`model.image_head.queue_len` expects'):
        check_config(cfg)


@pytest.mark.parametrize('option', [
    'default_hooks.checkpoint.interval=-1', 'default_hooks.checkpoint.max_keep_ckpts=-1',
    'custom_hooks.HealthHook.priority=LOW', 'optim_wrapper.paramwise_cfg.bias_lr_mult=2',
    'model_wrapper_cfg.find_unused_parameters=True', 'randomness.seed=None',
    'env_cfg.dist_cfg.timeout=60', 'default_scope=mmengine',
    'optim_wrapper.optimizer.weight_decay=0', 'train_dataloader.num_workers=0'])
def test_options__special_values_that_have_a_meaning(read, option):
    if option.startswith('default_scope'):
        cfg = Config(dict(train_cfg=dict(by_epoch=True, max_epochs=1)))
    else:
        cfg = deepcopy(read)
    apply_options(cfg, [option])


def test_types__class_objects_are_left_alone(read):
    cfg = deepcopy(read)
    cfg.train_dataloader.sampler.type = DefaultSampler
    cfg.optim_wrapper.optimizer.type = AdamW
    check_config(cfg)


def test_types__what_stands_in_a_users_own_part_may_mean_anything(read, tmp_path, monkeypatch):
    (tmp_path / 'own_part.py').write_text(
        'from mmpretrain.registry import HOOKS\nfrom mmengine.hooks import Hook\n'
        '@HOOKS.register_module()\nclass OwnHook(Hook):\n'
        '    def __init__(self, curve):\n        self.curve = curve\n')
    monkeypatch.syspath_prepend(tmp_path)
    cfg = deepcopy(read)
    hooks = "[dict(type='OwnHook', curve=dict(type='steep'))]"
    with pytest.raises(ConfigError, match='there is no OwnHook'):
        apply_options(cfg, [f'custom_hooks={hooks}'])
    apply_options(cfg, [f'custom_hooks={hooks}', 'custom_imports.imports=[mimco_mm,own_part]'])


@pytest.mark.parametrize('options, message', [
    (['train_dataloader.num_workers=0', 'train_dataloader.prefetch_factor=2'],
     '`train_dataloader.prefetch_factor` is 2, and there are no workers'),
    (['train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=True'],
     'there are no workers that could persist'),
    (['tta_model.type=AverageClsScoreTTA'], 'tools/test.py --tta'),
])
def test_request__options_that_need_others(options, message):
    with pytest.raises(ConfigError, match=message):
        requested_config(Request('mimco_swin-t', cfg_options=options))

