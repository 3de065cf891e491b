"""One training, by whatever door it was asked for."""

from typing import Optional

from mmengine.config import Config
from mmengine.runner import Runner
from mmpretrain.registry import RUNNERS

from .checks import check_config
from .dry_run import dry_run
from .run_config import Request, requested_config


def train(request: Request) -> Optional[Runner]:
    """Run a training to its end, or, of a dry run, to its first step.

    Raises:
        UserError: what the user can mend.
    """
    cfg = requested_config(request)
    check_config(cfg)
    if request.dry_run:
        return dry_run(cfg, build_runner)
    runner = build_runner(cfg)
    runner.train()
    return runner


def build_runner(cfg: Config) -> Runner:
    if cfg.get('runner_type') is None:
        return Runner.from_cfg(cfg)
    return RUNNERS.build(cfg)
