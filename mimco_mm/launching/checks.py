"""What can be told before a run starts, and before processes are launched for it."""

import logging
import os
from collections import defaultdict
from pathlib import Path
from typing import Dict, List

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmpretrain.registry import HOOKS, MODELS

from ..checkpoints import local_file, traces_of_a_run
from ..engine import check_parts
from ..engine.resuming import checkpoint_folders, run_to_resume
from ..errors import ConfigError, told_at
from ..options.shortcuts import knn_hooks, transforms
from ..teacher_parts import teacher_parts
from .driver import check_driver
from .run_lock import check_lock
from .training_images import check_batch, check_data, check_queues

NEEDED = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
CROPS = ('Crop', 'Resize')  # in the names of transforms whose `scale` is an image's side


def check_start(cfg: Config) -> None:
    """Refuse to start over where that would overwrite a run, or to go on from what is no run."""
    check_work_dir(Path(cfg.work_dir))
    check_lock(cfg.work_dir)
    if cfg.get('resume'):
        run_to_resume(cfg)
        return
    found = traces_of_a_run(checkpoint_folders(cfg))
    if found:
        raise ConfigError(
            f'{cfg.work_dir} already holds a run ({found[-1].name}). Add --resume to go on with '
            'it, or start a new one in another folder with --work-dir FOLDER.')


def check_work_dir(work_dir: Path) -> None:
    """Refuse a work dir that cannot be made or written to."""
    place = next(path for path in (work_dir, *work_dir.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise ConfigError(f'{work_dir} cannot hold the results: {place} is no folder that can be '
                          'written to. Choose another --work-dir, or change its rights.')


def check_complete(cfg: Config) -> None:
    """Refuse a config without one of the parts that every training has."""
    missing = [name for name in NEEDED if not cfg.get(name)]
    if missing:
        raise ConfigError(f'A training needs {", ".join(f"`{name}`" for name in NEEDED)}, and '
                          f'{", ".join(f"`{name}`" for name in missing)} of the config is not '
                          'there, or None.')


def check_sizes(cfg: Config) -> None:
    """Refuse a pre-training whose crops, masks and networks do not have one size.

    Each of these keys reaches its own part alone. A network of another size would take the crops
    all the same, with positions that were made for others.
    """
    if not cfg.get('model') or not cfg.get('train_dataloader'):
        return
    sides: Dict[int, List[str]] = defaultdict(list)
    model = cfg.model
    for key, transform in transforms(cfg):
        if isinstance(transform.get('scale'), int) and any(
                part in str(transform.get('type')) for part in CROPS):
            sides[transform.scale].append(f'{key}.scale')
        if 'mask_ratio' in transform and isinstance(transform.get('input_size'), int):
            sides[transform.input_size].append(f'{key}.input_size')
    for key, part in teacher_parts(model).items():
        teacher, network = part.target_generator, part.target_generator.get('backbone')
        if not isinstance(network, dict):
            continue
        if teacher.get('input_size'):  # it is resized to what the teacher wants
            with told_at(key):
                check_teacher(teacher)
        elif isinstance(network.get('img_size'), int):
            sides[network.img_size].append(f'{key}.target_generator.backbone.img_size')
    if isinstance((model.get('backbone') or {}).get('img_size'), int):
        sides[model.backbone.img_size].append('model.backbone.img_size')
    if len(sides) > 1:
        told = '; '.join(f'{side} px by {" and ".join(f"`{key}`" for key in dict.fromkeys(keys))}'
                         for side, keys in sorted(sides.items()))
        raise ConfigError(f'Crops, masks and networks do not have one size: {told}. Set all of '
                          'them to the same.')


def check_teacher(teacher: dict) -> None:
    own = teacher['backbone'].get('img_size')
    if isinstance(own, int) and own != teacher['input_size']:
        raise ConfigError('`model.target_generator.input_size` and `model.target_generator.'
                          f'backbone.img_size` must be the same, got {teacher["input_size"]} and '
                          f'{own}.')


def check_teacher_file(cfg: Config) -> None:
    """Read each frozen teacher as a run would, so that an unfit one is told once, and early.

    Raises:
        CheckpointError: see ``FrozenTeacher``.
    """
    for key, part in teacher_parts(cfg.get('model')).items():
        if 'checkpoint' in part.target_generator:
            MMLogger.get_instance('checks').setLevel(logging.WARNING)  # no line for each tensor
            with told_at(key):
                MODELS.build(part.target_generator).init_weights()


def check_knn(cfg: Config) -> None:
    """Build the hooks that measure k-NN accuracy, which look for their folders."""
    for hook in knn_hooks(cfg):
        HOOKS.build(hook)


def check_start_file(cfg: Config) -> None:
    """Refuse to begin from a file that is not there; a URL is downloaded once, for all processes.

    Raises:
        CheckpointError: see ``local_file``.
    """
    if cfg.get('load_from') and not cfg.get('resume'):
        local_file(cfg.load_from, if_missing='It is what `load_from` names.')


def check_config(cfg: Config) -> None:
    """What the config and the machine alone tell."""
    check_driver()
    check_complete(cfg)
    check_start(cfg)
    check_parts(cfg)
    check_sizes(cfg)


def check_files(cfg: Config, processes: int = 1) -> None:
    """What the folders tell that it names, at a glance."""
    init_default_scope(cfg.get('default_scope') or 'mmpretrain')
    check_data(cfg)
    check_batch(cfg, processes)
    check_queues(cfg, processes)
    check_knn(cfg)


def check_all(cfg: Config, processes: int) -> None:
    """The same, and the teacher, before processes are launched that would read them.

    Args:
        cfg: of the run.
        processes: of all machines.
    """
    check_config(cfg)
    check_files(cfg, processes)
    check_teacher_file(cfg)
    check_start_file(cfg)
