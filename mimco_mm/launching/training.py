"""One training, by whatever door it was asked for."""

from itertools import count
from pathlib import Path
from typing import Optional

from mmengine.config import Config
from mmengine.runner import BaseLoop, Runner
from mmpretrain.registry import RUNNERS

from ..engine.resuming import finished
from ..errors import ConfigError
from ..processes import check_alone, rank_here
from .building import parts_told
from .checks import check_config, check_files
from .dry_run import dry_run
from .leftovers import no_empty_folders, nothing_left
from .run_config import Request, requested_config
from .run_lock import run_lock

NUMBERS = count(1)  # of the runners of this process


def train(request: Request) -> Optional[Runner]:
    """Run a training to its end, or, of a dry run, to its first step.

    Of a run that is finished it is said where its files are, and None returned.

    Raises:
        UserError: what the user can mend.
    """
    if request.launcher == 'none':
        check_alone()
        if request.shortcuts.get('timeout') is not None:
            raise ConfigError('--timeout would change nothing: it is for processes that wait for '
                              'each other, and this is one. Leave it out.')
    cfg = requested_config(request)
    if is_finished(cfg):
        return None
    check_config(cfg)
    check_files(cfg)
    if request.dry_run:
        with parts_told(cfg):
            return dry_run(cfg, build_runner)
    runner = None

    def begun() -> bool:
        loop = getattr(runner, '_train_loop', None)  # `iter` and `train_loop` would build it
        return isinstance(loop, BaseLoop) and loop.iter > getattr(runner, 'first_iter', 0)

    with no_empty_folders(cfg.work_dir), run_lock(cfg.work_dir), nothing_left(
            cfg, begun), parts_told(cfg, begun, lambda: getattr(runner, 'model', None)):
        runner = build_runner(cfg)
        runner.train()
    return runner


def is_finished(cfg: Config) -> bool:
    """Whether ``--resume`` finds a run at its end, which is then said, by one process."""
    told = finished(cfg)
    if told and rank_here() == 0:
        print(told, flush=True)
    return told is not None


def build_runner(cfg: Config) -> Runner:
    """Build what runs: model, hooks, logs.

    mmengine names logs by the config and the second, and shares them between runs of one name; so
    the second and later ones of a process are numbered.
    """
    number = next(NUMBERS)
    if number > 1:
        name = cfg.get('experiment_name') or Path(cfg.filename or 'run').stem
        cfg.experiment_name = f'{name}_{number}'
    return Runner.from_cfg(cfg) if cfg.get('runner_type') is None else RUNNERS.build(cfg)
