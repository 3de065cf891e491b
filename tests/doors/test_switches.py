"""Every switch of docs/open_questions.md reaches the run: what is built with it differs."""

import re
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import RUNNERS
from torch import nn

from mimco_mm.errors import ConfigError
from mimco_mm.launching.run_config import Request, complete
from mimco_mm.options import CONFIGS, apply_options
from tests import tiny
from tests.docs.test_references import SWITCHES, is_path, tokens

PIPELINE = 'train_dataloader.dataset.dataset.pipeline'
# switch -> a value that is not the default's of the tests' small networks
VALUES = {
    'model.patch_queue_key': 'masked',
    'model.patch_head.queue_len': '24',
    'model.image_head.queue_len': '24',
    'model.base_momentum': '0.5',
    'model.patch_neck.hid_channels': '24',
    'model.patch_neck.out_channels': None,  # with the predictor's and the queue's: see below
    'model.patch_neck.norm_cfg': 'None',
    'model.patch_head.loss.loss_weight': '0.5',
    'model.image_head.loss.loss_weight': '0.5',
    'load_from': None,  # tests/engine/test_runner.py trains from one
    '--teacher': None,  # each run below has its own
    'model.target_generator.backbone.out_indices': '[0]',
    'PIPELINE.MaskGenerator.mask_patch_size': '16',
    '--mask-ratio': '0.3',
    'param_scheduler.0.min_ratio': '0.5',
    'param_scheduler.0.start_ratio': '0.5',
    'optim_wrapper.optimizer.betas': '(0.8,0.9)',
    'optim_wrapper.paramwise_cfg.custom_keys': "{'mask_token': {'decay_mult': 1.0}}",
    'model.backbone.drop_path_rate': '0.3',
    '--amp': 'off',
    'PIPELINE.CodedResizedCrop.interpolation': 'bicubic',
    'model.backbone.img_size': None,  # refused alone: tests/launching/test_run_config.py
    '--seed': '3',
    'PIPELINE.MultiView.transforms': None,  # lists of transforms, as the config's own
    'model.pixel_loss_weight': '0.5',
    'model.key_drop_path_rate': '0.1',
    'optim_wrapper.optimizer.lr': '0.1',
    'param_scheduler.0.warmup': '0.5',
    'model.decoder.encoder_stride': None,  # of the network: another does not fit
    'model.adapter': "dict(type='ChannelAdapter', in_channels=16, out_channels=16)",
    'model.target_generator.input_size': '64',
    'model.target_generator.layer_norm_targets': 'True',
    'model.target_generator.input_norm': 'dict(mean=[1.,2.,3.], std=[4.,5.,6.])',
    '--accumulate': '2',
    'train_dataloader.dataset.max_broken': '7',
    'custom_hooks.HealthHook.min_feature_std': '0.1',
    'custom_hooks.HealthHook.min_rankme': '1.5',
    'custom_hooks.HealthHook.min_logit_gap': 'None',
    'custom_hooks.HealthHook.patience': '3',
    'custom_hooks.HealthHook.grace': '0.5',
}
SMALL = ('configs/pretrain/mimco_swin-t.py', 'configs/pretrain/baselines/simmim-moby_swin-t.py')


class Switch(NamedTuple):
    """A switch, and the config that it is of."""

    config: str
    name: str


def switches() -> Iterator[Switch]:
    """Those of all rows, config keys and options of tools/train.py, without what tools have."""
    for cell in SWITCHES:
        before = SMALL[0]
        for token in tokens(cell):
            if is_path(token):
                before = token
            elif before.startswith('configs/'):
                yield Switch(before, token.partition('=')[0])


ALL = sorted(set(switches()))
TRIED = [one for one in ALL if one.config in SMALL and VALUES.get(one.name) is not None]
OTHERS = [one for one in ALL if one.config not in SMALL]


def test_switches__each_has_a_value_or_a_reason():
    assert {one.name for one in ALL if one.config in SMALL} == VALUES.keys()
    assert len(TRIED) > 30


@pytest.fixture(scope='module')
def folders(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('switches')
    tiny.write_images(root / 'images', 8)
    tiny.write_teacher(root / 'teacher.pth')
    return root


def built(config: str, folders: Path, work_dir: Path, *texts: str, **asked: Any) -> dict:
    """Everything plain that a run is built of: by place -> value."""
    name = config.removeprefix('configs/pretrain/').removesuffix('.py')
    cfg = tiny.config(name, work_dir, folders / 'images', batch_size=4, epochs=2)
    amp = asked.pop('amp', None)
    if 'target_generator' in cfg.model:
        asked.setdefault('teacher', str(folders / 'teacher.pth'))
    cfg = complete(cfg, Request(config, str(work_dir), amp=amp, shortcuts=asked,
                                cfg_options=texts))
    runner = RUNNERS.build(cfg)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
    loader = runner.train_dataloader
    return dict(plain('', dict(
        seed=runner.seed, model=runner.model, hooks=runner.hooks, dataset=loader.dataset,
        optimizer=runner.optim_wrapper, groups=[
            {key: value for key, value in group.items() if key != 'params'}
            for group in runner.optim_wrapper.optimizer.param_groups],
        schedulers=runner.param_schedulers)))


def plain(place: str, value: Any, depth: int = 0) -> Iterator[tuple]:
    """(place, value) of all numbers, texts and shapes in an object of ours or mmpretrain's."""
    if isinstance(value, (bool, int, float, str, type(None))):
        yield place, value
    elif isinstance(value, (torch.Tensor, np.ndarray)):
        yield place, tuple(value.shape)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from plain(f'{place}.{key}', item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from plain(f'{place}.{index}', item, depth + 1)
    elif depth < 20 and type(value).__module__.startswith(('mimco_mm', 'mmpretrain', 'mmengine')) \
            or isinstance(value, nn.Module):
        yield place, type(value).__name__
        for key, item in vars(value).items():
            if key.lstrip('_') not in ('message_hub', 'optimizer', 'logger', 'backward_hooks'):
                yield from plain(f'{place}.{key}', item, depth + 1)


@pytest.fixture(scope='module')
def defaults(folders, tmp_path_factory) -> dict:
    return {config: built(config, folders, tmp_path_factory.mktemp('run') / 'default')
            for config in SMALL}


@pytest.mark.parametrize('switch', TRIED, ids=lambda one: f'{Path(one.config).stem}: {one.name}')
def test_switches__change_what_is_built(switch, folders, tmp_path, defaults):
    text = VALUES[switch.name]
    if switch.name.startswith('--'):
        option = switch.name[2:].replace('-', '_')
        value = text if option in ('amp', 'teacher') else float(text) if '.' in text else int(text)
        changed = built(switch.config, folders, tmp_path / 'default', **{option: value})
    else:
        key = switch.name.replace('PIPELINE', PIPELINE)
        changed = built(switch.config, folders, tmp_path / 'default', f'{key}={text}')
    different = {place for place in changed.keys() | defaults[switch.config].keys()
                 if changed.get(place) != defaults[switch.config].get(place)
                 and not re.search(r'work_dir|out_dir|timestamp|checkpoint_file', place)}
    assert different, f'{switch.name} changes nothing'


@pytest.mark.parametrize('switch', OTHERS, ids=lambda one: f'{Path(one.config).stem}: {one.name}')
def test_switches__of_other_configs_are_keys_that_something_reads(switch):
    """Of transfers: set as a user would, or refused."""
    if re.search('/(coco|ade20k)/', switch.config):
        pytest.importorskip('mmdet')
    cfg = Config.fromfile(CONFIGS.parent / switch.config)
    node = cfg
    for part in switch.name.split('.'):
        node = node[part] if part in node else None
    if '/knn/' in switch.config or '/retrieval/' in switch.config:
        return  # read by their own tools, whose tests try them
    apply_options(cfg, [f'{switch.name}={node!r}'])
    with pytest.raises(ConfigError, match='would change nothing'):
        apply_options(cfg, [f'{switch.name}_x={node!r}'])
