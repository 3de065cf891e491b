"""Whole detection and segmentation runs in seconds: the real configs, made small, on made sets."""

import hashlib
import os
import tarfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from PIL import Image

from mimco_mm.launching import Request, build_runner
from mimco_mm.launching.checks import check_config
from mimco_mm.launching.run_config import complete
from tests.tools.modules import load_tool

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs' / 'benchmarks'
SAMPLES = Path(os.environ.get(
    'MIMCO_SAMPLES', ROOT.parent / 'shared' / 'data' / 'imagenet-samples.tar'))
SHRINK = 8  # all sizes in px are divided by it
COUNTS = dict(train=4, val=2)
# The smallest networks that tests.reference.official draws weights for.
SWIN = dict(embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2), window=2, img_size=64)
VIT = dict(width=48, depth=4, img_size=64)


def write_photographs(folder: Path, count: int) -> Path:
    """Real ones, where the samples are at hand; else smooth random images."""
    folder.mkdir()
    if SAMPLES.is_file():
        with tarfile.open(SAMPLES) as tar:
            members = [member for member in tar if member.isfile()][:count]
            tar.extractall(folder, members, filter='data')
        return folder
    rng = np.random.default_rng(0)
    for index in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        coarse.resize((200, 160), Image.BICUBIC).save(folder / f'{index}.png')
    return folder


def make_sets(folder: Path) -> Path:
    """The sets of tools/transfers/make_dense_sets.py; the folder that they are in."""
    make = load_tool('transfers/make_dense_sets.py')
    photographs = write_photographs(folder / 'photographs', sum(COUNTS.values()))
    make.main([str(photographs), '--out', str(folder / 'data'), '--side', '160',
               *(f'--{split}={count}' for split, count in COUNTS.items())])
    return folder / 'data'


def parsed(name: str) -> Config:
    """configs/benchmarks/NAME.py, not to be beautified three times a run, which takes seconds."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    object.__setattr__(cfg, '_format_python_code', False)
    return cfg


@cache
def built(name: str) -> torch.nn.Module:
    """The full model of a config, its weights as they come."""
    cfg = parsed(name)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return MODELS.build(cfg.model)


def optimizer_of(name: str) -> torch.optim.Optimizer:
    cfg = parsed(name)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return build_optim_wrapper(built(name), cfg.optim_wrapper).optimizer


def shrink_pipelines(value) -> None:
    """Divide the sizes of all transforms, nested ones too."""
    if isinstance(value, (list, tuple)):
        for item in value:
            shrink_pipelines(item)
    elif isinstance(value, dict):
        for key in ('scale', 'crop_size'):
            if isinstance(value.get(key), (list, tuple)):
                value[key] = tuple(side // SHRINK for side in value[key])
        if 'scales' in value:
            value['scales'] = [tuple(side // SHRINK for side in scale) for scale in value['scales']]
        for item in value.values():
            shrink_pipelines(item)


def small_backbone(backbone: dict, checkpoint: Path) -> dict:
    """``backbone`` with the arguments of ``SWIN`` or ``VIT``; where its maps come from too."""
    if 'Swin' in backbone.type:
        backbone.update(window_size=SWIN['window'], img_size=SWIN['img_size'], arch=dict(
            embed_dims=SWIN['embed_dim'], depths=SWIN['depths'], num_heads=SWIN['num_heads']))
    else:
        backbone.update(img_size=VIT['img_size'], arch=dict(
            embed_dims=VIT['width'], num_layers=VIT['depth'], num_heads=12,
            feedforward_channels=4 * VIT['width']))
        if 'out_indices' in backbone:
            backbone.out_indices = list(range(VIT['depth']))
    backbone.init_cfg.checkpoint = str(checkpoint)
    return backbone


def small_loaders(cfg: Config, data_root: Path) -> None:
    for name in ('train', 'val', 'test'):
        loader = cfg[f'{name}_dataloader']
        loader.num_workers = 0
        loader.dataset.data_root = str(data_root)
        shrink_pipelines(loader.dataset.pipeline)
    cfg.default_hooks.logger.interval = 1


def build(cfg: Config, **request) -> Runner:
    """As tools/train.py does it."""
    cfg = complete(cfg, Request('config.py', **request))
    check_config(cfg)
    return build_runner(cfg)


def run(cfg: Config, **request) -> Runner:
    runner = build(cfg, **request)
    runner.register_hook(Observer())
    runner.train()
    return runner


class Observer(Hook):
    """Keeps on the runner what the backbone was when training began, losses, and the metrics."""

    def before_train(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        runner.start = digests(model.backbone.state_dict())
        runner.losses, runner.metrics, runner.first_iter = [], {}, runner.iter

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        runner.losses.append(outputs['loss'].item())

    def after_val_epoch(self, runner, metrics=None) -> None:
        runner.metrics.update(metrics)


def digests(state: dict) -> dict:
    """{name: sha256 of type, shape and bytes} of a state dict's tensors."""
    return {name: hashlib.sha256(f'{value.dtype} {tuple(value.shape)}'.encode()
                                 + value.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
            for name, value in state.items()}


def rates_and_decays(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict:
    """{parameter: (learning rate, weight decay)}; every trained parameter is in one group."""
    names = {id(parameter): name for name, parameter in model.named_parameters()
             if parameter.requires_grad}
    found = {names[id(parameter)]: (group['lr'], group['weight_decay'])
             for group in optimizer.param_groups for parameter in group['params']}
    assert len(found) == len(names) == sum(len(g['params']) for g in optimizer.param_groups)
    return found
