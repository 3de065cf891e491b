"""A run up to its first step: everything is built, checked and summed up, nothing is written."""

import tempfile
from typing import Callable

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from ..engine.resuming import run_to_resume
from ..engine.training_images import loaded_batch
from ..names import printable
from .memory import predicted_memory

TRIED = 2  # images that go through the model; a batch norm needs as many


class DryRunOver(Exception):
    """The run has come to its first step."""


class DryRunHook(Hook):
    """Ends a run before its first step, when some images have gone through the model."""

    priority = 'LOWEST'  # after the summary

    def before_train(self, runner: Runner) -> None:
        model = unwrapped(runner)
        model.train()
        batch = loaded_batch(runner.cfg, TRIED, runner.seed or 0)
        with torch.no_grad(), runner.optim_wrapper.optim_context(model):
            model(**model.data_preprocessor(batch, True), mode='loss')
        raise DryRunOver


def dry_run(cfg: Config, build_runner: Callable[[Config], Runner]) -> None:
    """Build a run and go up to its first step; its work dir is left as it is.

    Raises:
        UserError: the run could not start.
    """
    for hook in cfg.get('custom_hooks') or []:
        if hook['type'] == 'PretrainSummaryHook':
            hook['work_dir'] = cfg.work_dir
    found = run_to_resume(cfg)
    cfg.resume = found is not None
    if found:
        cfg.load_from = str(found.file)
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        runner = build_runner(cfg)
        for line in found.skipped if found else ():
            runner.logger.warning(f'Skipped {printable(line)}')
        runner.register_hook(DryRunHook())
        try:
            runner.train()
        except DryRunOver:
            tell(runner)


def tell(runner: Runner) -> None:
    """The last lines, of one process, which has left the others: it counts for all of them."""
    first, ranks = is_main_process(), get_world_size()
    if dist.is_initialized():
        dist.destroy_process_group()
    if first:
        memory = predicted_memory(runner.cfg, unwrapped(runner), runner.seed or 0, ranks)
        runner.logger.info(f'{memory}\nDry run: everything is there; nothing was trained.')


def unwrapped(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
