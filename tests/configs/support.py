"""What the tests of the configs share: reading them, and the paper's networks."""

import copy
import functools
from pathlib import Path

import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS, PARAM_SCHEDULERS
from torch import nn

from mimco_mm.options.places import run_arguments

CONFIGS = Path(__file__).parents[2] / 'configs'
NAMES = sorted(path.relative_to(CONFIGS / 'pretrain').with_suffix('').as_posix()
               for path in (CONFIGS / 'pretrain').rglob('*.py')
               if path.parent.name not in ('baselines', 'other_teachers'))
STUDENTS = [name for name in NAMES if not name.startswith('teachers/')]
ABLATIONS = [name for name in NAMES if name.startswith('ablations/')]
GPUS = 8
EPOCH_LENGTH = 4  # iterations of an epoch, wherever a schedule is drawn
NETWORKS = {
    'swin-t': dict(channels=768, depth=12, grid=7, drop_path=0., teacher='moby_swin-t'),
    'swin-b': dict(channels=1024, depth=24, grid=7, drop_path=0., teacher='moby_swin-b'),
    'vit-s': dict(channels=384, depth=12, grid=14, drop_path=0.1, teacher='mocov3_vit-s'),
    'vit-b': dict(channels=768, depth=12, grid=14, drop_path=0.1, teacher='mocov3_vit-b'),
}
SWIN = {  # depths, heads of the stages, parameters of the backbone (Swin's Table 7, no classifier)
    'swin-t': ([2, 2, 6, 2], [3, 6, 12, 24], 27_519_354),
    'swin-b': ([2, 2, 18, 2], [4, 8, 16, 32], 86_743_224),
}
VIT = {'vit-s': (384, 1536), 'vit-b': (768, 3072)}  # width, width of the MLP


@functools.cache
def parsed(name: str) -> Config:
    return Config.fromfile(CONFIGS / 'pretrain' / f'{name}.py')


def read(name: str) -> Config:
    return copy.deepcopy(parsed(name))


def network_of(name: str) -> str:
    """'swin-t' of 'ablations/mimco_swin-t_l1'."""
    return name.split('/')[-1].split('_')[1]


def plain(value):
    """A config's value as bare dicts and lists, less the scope that mmengine notes in it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key != '_scope_'}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def build_model(config: Config) -> nn.Module:
    """As mmengine's Runner does it."""
    config.model.setdefault('data_preprocessor', config.data_preprocessor)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(config.model)


def build_pipeline(config: Config) -> list:
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return list(Compose(config.train_dataloader.dataset.dataset.pipeline).transforms)


def learning_rates(config: Config) -> list:
    """The rate of every iteration, drawn on a parameter of its own."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=config.optim_wrapper.optimizer.lr)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        schedulers = [
            PARAM_SCHEDULERS.build(scheduler, default_args=dict(
                optimizer=optimizer, epoch_length=EPOCH_LENGTH))
            for scheduler in config.param_scheduler]
    rates = []
    for _ in range(config.train_cfg.max_epochs * EPOCH_LENGTH):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return rates


def drop_paths(network: nn.Module) -> list:
    """The drop path rate of each block, from first to last."""
    rates = [getattr(module, 'drop_prob', 0.) for name, module in network.named_modules()
             if name.endswith('ffn') for module in [getattr(module.dropout_layer, 'module',
                                                            module.dropout_layer)]]
    assert rates
    return rates


def flat(value, path: str = '') -> dict:
    """{'model.backbone.arch': 'tiny', ...} of a config."""
    value = plain(value)
    if isinstance(value, (dict, list)) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {key: item for name, part in items
                for key, item in flat(part, f'{path}.{name}' if path else str(name)).items()}
    return {path: value}


def changes(name: str, parent: str) -> dict:
    """{path: (parent's value, leaf's value)} of what a run reads, None where there is none."""
    read_by_runs = run_arguments().named
    old, new = (flat({key: value for key, value in read(config)._cfg_dict.items()
                      if key in read_by_runs}) for config in (parent, name))
    return {path: (old.get(path), new.get(path)) for path in old.keys() | new.keys()
            if old.get(path) != new.get(path)}
