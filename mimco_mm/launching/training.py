"""One training, by whatever door it was asked for."""

import os
from typing import Optional

from mmengine.config import Config
from mmengine.runner import Runner
from mmpretrain.registry import RUNNERS

from ..engine import finished
from ..errors import ConfigError
from .checks import check_config
from .dry_run import dry_run
from .ending import message_of
from .run_config import Request, requested_config


def train(request: Request) -> Optional[Runner]:
    """Run a training to its end, or, of a dry run, to its first step.

    Of a run that is finished it is said where its files are, and None returned.

    Raises:
        UserError: what the user can mend.
    """
    cfg = requested_config(request)
    if is_finished(cfg):
        return None
    check_config(cfg)
    if request.dry_run:
        return dry_run(cfg, build_runner)
    runner = build_runner(cfg)
    runner.train()
    return runner


def is_finished(cfg: Config) -> bool:
    """Whether ``--resume`` finds a run at its end, which is then said, by one process."""
    told = finished(cfg)
    if told and int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', 0))) == 0:
        print(told, flush=True)
    return told is not None


def build_runner(cfg: Config) -> Runner:
    """Build what runs: model, hooks, logs.

    Raises:
        ConfigError: whatever a class of the config says of its arguments.
    """
    try:
        return Runner.from_cfg(cfg) if cfg.get('runner_type') is None else RUNNERS.build(cfg)
    except Exception as error:
        if message_of(error) is not None:
            raise
        raise ConfigError(f'What the config describes cannot be built: {type(error).__name__}: '
                          f'{error}') from error
