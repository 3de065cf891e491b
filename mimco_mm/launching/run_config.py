"""A training's config: the file's, with what a command line or a call says."""

import os
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Sequence

import torch
from mmengine.config import Config, ConfigDict
from mmengine.device import get_device

from ..checkpoints import traces_of_a_run
from ..engine import fit_teacher, place_views
from ..engine.resuming import checkpoint_folders
from ..errors import ConfigError
from ..options import EPOCHS_KEYS, apply_all, load_config
from ..options.config_files import unfit
from ..options.scopes import OWN_SCOPE, scope_of
from .precision import check_worth, set_precision

# key -> the option that decides it
OWN = dict(work_dir='--work-dir', resume='--resume', launcher='--gpus (or --launcher)')
TEST_TIME = ('tta_model', 'tta_pipeline')  # parts of a config that only tools/test.py --tta reads


class Request(NamedTuple):
    """What a training is asked for.

    Attributes:
        config: name or path of the config file, see ``options.find_config``.
        work_dir: folder of logs and checkpoints; the config's, or work_dirs/CONFIG_NAME.
        resume: 'auto' for the newest checkpoint of the work dir, or the path of a file or folder.
        amp: 'bf16', 'fp16' or 'off'; the config's by default.
        validate: whether there is validation between epochs.
        scale_lr: scale the learning rate by the batch, where the config has it switched off.
        pin_memory: whether dataloaders may pin memory.
        persistent_workers: whether dataloaders may keep their workers between epochs.
        launcher: what started the processes.
        dry_run: end before the first step.
        shortcuts: see ``options.SHORTCUTS``.
        cfg_options: KEY=VALUE.
        force_change: keys that are meant to differ from the checkpoint's, see ``RunIdentityHook``.
    """

    config: str
    work_dir: Optional[str] = None
    resume: Optional[str] = None
    amp: Optional[str] = None
    validate: bool = True
    scale_lr: bool = False
    pin_memory: bool = True
    persistent_workers: bool = True
    launcher: str = 'none'
    dry_run: bool = False
    shortcuts: Dict[str, Any] = {}
    cfg_options: Sequence[str] = ()
    force_change: Sequence[str] = ()


def requested_config(request: Request) -> Config:
    """The config of a training.

    Raises:
        ConfigError: no such file, an option that nothing reads, a value out of place.
    """
    check_worth(request.amp)
    return complete(load_config(request.config), request)


def complete(cfg: Config, request: Request) -> Config:
    """Write what is asked for into a config, and check the keys of all of it."""
    if request.amp is not None:
        if not cfg.get('optim_wrapper'):
            raise unfit(cfg, '--amp', 'it trains nothing')
        set_precision(cfg.optim_wrapper, request.amp, scope_of(cfg))
    if not request.validate:
        if cfg.get('val_dataloader') is None:
            raise unfit(cfg, '--no-validate', 'it does not validate between epochs')
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    check_own(request.cfg_options)
    apply_all(cfg, request.shortcuts, request.cfg_options)
    if request.scale_lr:
        scale_rate(cfg)
    if request.shortcuts.get('lr') and (cfg.get('auto_scale_lr') or {}).get('enable'):
        raise ConfigError('--lr is the rate as it is, and `auto_scale_lr` scales one: give either.')
    check_loading(cfg, request.cfg_options)
    fit_teacher(cfg)
    place_views(cfg)
    cfg.launcher = request.launcher
    cfg.work_dir = request.work_dir or cfg.get('work_dir') or os.path.join(
        'work_dirs', Path(request.config).stem)
    set_start(cfg, request.resume, request.cfg_options)
    set_changes(cfg, request)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(name) is not None:
            complete_dataloader(cfg[name], request.pin_memory, request.persistent_workers,
                                scope_of(cfg))
    return cfg


def scale_rate(cfg: Config) -> None:
    if cfg.get('auto_scale_lr') is None:
        raise ConfigError('--auto-scale-lr needs the batch size that the learning rate is for: '
                          'auto_scale_lr=dict(base_batch_size=...) in the config.')
    if cfg.auto_scale_lr.get('enable'):
        raise unfit(cfg, '--auto-scale-lr', 'it scales its learning rate to the batch already')
    cfg.auto_scale_lr.enable = True


def check_own(cfg_options: Sequence[str]) -> None:
    """Refuse keys that options of their own decide."""
    for text in cfg_options:
        key = text.partition('=')[0]
        if key in OWN:
            raise ConfigError(f'--cfg-options {text}: `{key}` is what {OWN[key]} says; use that.')
        if key.partition('.')[0] in TEST_TIME:
            raise ConfigError(f'--cfg-options {text}: would change nothing here, it is for '
                              'tools/test.py --tta.')


def check_loading(cfg: Config, cfg_options: Sequence[str]) -> None:
    """Refuse to be asked for what takes workers, or a GPU, where there are none; a file may ask."""
    for text in cfg_options:
        loader, _, rest = text.partition('.')
        if rest.lower() == 'pin_memory=true' and get_device() == 'cpu':
            raise ConfigError(f'--cfg-options {text}: would change nothing here, memory is pinned '
                              'for an accelerator, and there is none.')
        if rest.lower() == 'persistent_workers=true' and cfg[loader].get('num_workers', 0) == 0:
            raise ConfigError(f'--cfg-options {text}: there are no workers that could persist, '
                              f'`{loader}.num_workers` is 0.')


def set_start(cfg: Config, resume: Optional[str], cfg_options: Sequence[str] = ()) -> None:
    """Whether a run goes on, and from which checkpoint."""
    if resume is None:
        return
    cfg.resume = True
    if resume != 'auto':
        typed = [text for text in cfg_options if text.startswith('load_from=')]
        if typed:
            raise ConfigError(f'--resume {resume} and --cfg-options {typed[0]}: a run goes on from '
                              'the one, or begins from the other. Give either.')
        cfg.load_from = resume
    elif traces_of_a_run(checkpoint_folders(cfg)):
        cfg.load_from = None
    elif cfg.get('load_from'):
        cfg.resume = False  # the first start of a run that begins from other weights


def set_changes(cfg: Config, request: Request) -> None:
    """What may differ from the checkpoint: what is named, and what --epochs is typed for."""
    hooks = [hook for hook in cfg.get('custom_hooks') or []
             if hook.get('type', '').rpartition('.')[2] == 'RunIdentityHook']
    if request.force_change and request.resume is None:
        raise ConfigError('--force-change is for a run that goes on: give --resume with it.')
    if request.force_change and not hooks:
        raise ConfigError('--force-change makes no sense for this config: nothing is compared '
                          'without RunIdentityHook in `custom_hooks`.')
    for hook in hooks if request.resume is not None else ():
        if request.force_change:
            hook.force_change = list(request.force_change)
        if request.shortcuts.get('epochs') is not None:
            hook.expected = list(EPOCHS_KEYS)


def complete_dataloader(loader: ConfigDict, pin_memory: bool, persistent_workers: bool,
                        scope: str) -> None:
    """Defaults that mmpretrain's configs leave to the training script, and the options."""
    if scope == OWN_SCOPE:  # mmdet and mmseg collate by mmengine's default, into lists
        loader.setdefault('collate_fn', dict(type='default_collate'))
        loader.setdefault('pin_memory', torch.cuda.is_available())
        loader.setdefault('persistent_workers', True)
    if not pin_memory or get_device() == 'cpu':  # where torch warns of it
        loader.pin_memory = False
    if not persistent_workers or loader.get('num_workers', 0) == 0:
        loader.persistent_workers = False
