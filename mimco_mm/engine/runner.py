import os
import platform
import sys
import warnings
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Callable, Dict, Optional, Sequence, Union

import torch
import torch.distributed as dist
from mmengine.device import get_device
from mmengine.hooks import CheckpointHook
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from mmpretrain.registry import HOOKS, RUNNERS
from torch import nn
from torch.utils.data import DataLoader

from ..checkpoints import (
    WHOLE,
    CheckpointError,
    load_whole,
    read_run,
    remove_abandoned,
    start_from,
)
from ..errors import ConfigError
from ..models.acceleration import accelerate, compile_blocks
from ..models.utils import convert_sync_batchnorm
from ..names import printable
from ..processes import RESUMES, listener, outliving
from ..version import __version__
from .batch_statistics import guard_batch_norms
from .hooks import (
    InterruptionHook,
    LastEvaluationHook,
    ProgressBarHook,
    RankStateHook,
    RankWatchHook,
)
from .quiet_log import is_wanted
from .resuming import ResumableEpochLoop, beyond_end, further_on, run_to_resume, what_is_safe
from .sharding import check_shardable, gathered_states, shard
from .start_check import check_parts, is_momentary, less_than_a_batch
from .worker_count import too_many_workers

TIMEOUT = 1800  # seconds that ranks wait for each other outside of steps; torch's for gloo


@RUNNERS.register_module()
class PretrainRunner(Runner):
    """mmengine's Runner, with what pre-training needs and it lacks.

    - The learning rate follows the batch that is really used, accumulation included.
    - Layers are exchanged for faster ones that compute the same (``accelerate=False``: they stay).
    - ``compile_blocks=True`` has torch.compile work on each block of the networks.
    - Several processes train on CPUs, over gloo.
    - Checkpoints are written as a whole; ``resume`` takes the newest that can be read.
    - ``fsdp=True`` in the config shards parameters, gradients and optimizer state over the
      processes. Checkpoints are read before, and written whole: they are those of any run.
    - A training set smaller than one batch is an error, not a run of no steps; so are parts of the
      config that do not fit each other or the machine (``check_parts``).
    - A signal ends a run after its step, saved; an epoch that was begun is gone on with.
    - Of several processes, one that holds up the others is named, and the run ends.
    - The log says what a user needs to know; a terminal shows a bar with the time left.
    """

    equal_batches = True  # all ranks bring as many images, of one size

    def register_default_hooks(self, hooks: Optional[Dict] = None) -> None:
        """Register them, in place of mmengine's CheckpointHook the one that loses nothing."""
        own = (hooks or {}).get('checkpoint', {})
        if isinstance(own, dict) and HOOKS.get(own.get('type', 'CheckpointHook')) is CheckpointHook:
            own = {'interval': 1, **own, 'type': 'mmpretrain.WholeCheckpointHook'}
            hooks = {**(hooks or {}), 'checkpoint': own}
        super().register_default_hooks(hooks)

    def setup_env(self, env_cfg: Dict) -> None:
        """Start gloo where there is no accelerator: mmengine's launcher wants a CUDA device.

        NCCL gets gloo's time for what is no step, so that ``RankWatchHook`` is first with a step.
        """
        env_cfg = dict(env_cfg, dist_cfg=dict(dict(timeout=TIMEOUT), **env_cfg.get('dist_cfg', {})))
        if self._launcher == 'pytorch' and get_device() == 'cpu' and not dist.is_initialized():
            seconds = env_cfg['dist_cfg']['timeout']
            dist.init_process_group('gloo', timeout=timedelta(seconds=seconds))
        with warnings.catch_warnings():  # threads are dist_train.sh's, or the user's, choice
            warnings.filterwarnings('ignore', 'Setting (OMP|MKL)_NUM_THREADS')
            super().setup_env(env_cfg)

    def set_randomness(self, seed: Optional[int], diff_rank_seed: bool = False,
                       deterministic: bool = False) -> None:
        """Seed; with ``deterministic`` a GPU repeats itself too, or says which operator cannot.

        cuBLAS then wants its workspace of one size (docs.pytorch.org, "Reproducibility").
        """
        if deterministic:
            os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
        super().set_randomness(seed, diff_rank_seed, deterministic)

    def build_logger(self, *args, **kwargs) -> MMLogger:
        logger = super().build_logger(*args, **kwargs)
        logger.addFilter(is_wanted)
        return logger

    def _log_env(self, env_cfg: Dict) -> None:
        """Say what runs where in one line, in place of the whole config and of torch's build."""
        versions = ', '.join(f'{name} {import_module(name).__version__}'
                             for name in ('torch', 'mmengine', 'mmcv', 'mmpretrain'))
        cuda = torch.version.cuda if torch.cuda.is_available() else 'off'
        self.logger.info(
            f'Environment: {platform.node()}, Python {platform.python_version()}, {versions}, '
            f'mimco_mm {__version__}, CUDA {cuda}, seed {self.seed}')
        told = too_many_workers(self.cfg)
        if told:
            self.logger.info(told)

    def train(self) -> nn.Module:
        """Train; on a terminal rank 0 shows a bar.

        Raises:
            Interrupted: a signal has ended the run, see ``InterruptionHook``.
        """
        hooks = [RankWatchHook(self.cfg.get('rank_timeout', 10.)), RankStateHook(),
                 InterruptionHook(), LastEvaluationHook()]
        if self.rank == 0 and sys.stdout.isatty():
            hooks.append(ProgressBarHook())
        for hook in hooks:
            self.register_hook(hook)
        with listener.listening(goes_on=RESUMES):
            try:
                return super().train()
            finally:
                self.call_hook('after_end')

    def build_model(self, model: Union[nn.Module, Dict]) -> nn.Module:
        """Build the model, of faster layers, with blocks compiled where that is wanted."""
        model = super().build_model(model)
        if self.cfg.get('accelerate', True):
            accelerate(model)
        return compile_blocks(model) if self.cfg.get('compile_blocks', False) else model

    def wrap_model(self, model_wrapper_cfg: Optional[Dict], model: nn.Module) -> nn.Module:
        """Wrap the model for several processes; CPUs have no device ids, and no SyncBN of torch's.

        With ``fsdp`` there is no wrapper.
        """
        to_wrap = self.distributed and not is_model_wrapper(model)
        on_cpus = to_wrap and get_device() == 'cpu'
        if on_cpus or to_wrap and self.equal_batches:
            model = convert_sync_batchnorm(model)
        if self.sharded:
            check_shardable(model)
            return model.to(get_device())  # sharded when its weights are there
        if on_cpus:
            defaults = dict(
                type='MMDistributedDataParallel',
                device_ids=None,
                broadcast_buffers=False,
                find_unused_parameters=self.cfg.get('find_unused_parameters', False))
            model_wrapper_cfg = {**defaults, **(model_wrapper_cfg or {})}
        return super().wrap_model(model_wrapper_cfg, model)

    @property
    def sharded(self) -> bool:
        return self.cfg.get('fsdp', False)

    def load_or_resume(self) -> None:
        """Read the checkpoint, if there is one; only then shard what it was read into."""
        if self.rank == 0:
            for name in remove_abandoned(Path(self.work_dir)):
                self.logger.info(f'Removed {name}, which a killed process had begun to write.')
        if self._resume and not self._has_loaded:
            self.choose_checkpoint()
        super().load_or_resume()
        if self._resume and self.iter > self.max_iters:  # in the middle of an epoch
            raise ConfigError(beyond_end(self.cfg, f'{self._load_from} (iteration {self.iter})'))
        self.first_iter = self.iter
        if self.sharded and isinstance(self.optim_wrapper, OptimWrapper):
            shard(self.model, self.optim_wrapper)

    def choose_checkpoint(self) -> None:
        """Decide what ``resume`` goes on from, and say it; mmengine trusts ``last_checkpoint``."""
        found = run_to_resume(self.cfg)
        if found is None:
            self.logger.info(f'There is no checkpoint in {self.work_dir} yet: the run starts from '
                             'the beginning.')
            self._resume = False
            return
        for line in found.skipped:
            self.logger.warning(f'Skipped {printable(line)}')
        self.logger.info(f'Going on from {found}.')
        if self._load_from:
            for line in further_on(self.cfg, found):
                self.logger.warning(line)
        self._load_from = str(found.file)

    def load_checkpoint(self, filename: str, map_location: Union[str, Callable] = 'cpu',
                        strict: bool = True, revise_keys: Sequence = ()) -> dict:
        """Read a checkpoint, and load it whole or refuse it: ``read_run``, or ``start_from``.

        ``strict`` and ``revise_keys`` are mmengine's, and change nothing here.

        Raises:
            CheckpointError: it cannot be read safely, or is of another model.
        """
        model = self.model.module if is_model_wrapper(self.model) else self.model
        if self._resume:
            checkpoint = read_run(filename, map_location)
            told = f'Loaded all {len(checkpoint["state_dict"])} tensors of {filename}'
        else:
            checkpoint, told = start_from(model, filename)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        load_whole(model, checkpoint['state_dict'], filename)
        self._has_loaded = True
        self.logger.info(told)
        return checkpoint

    def save_checkpoint(self, out_dir: str, filename: str, file_client_args: Optional[Dict] = None,
                        *args, backend_args: Optional[Dict] = None, **kwargs) -> None:
        """Let rank 0 write the checkpoint, of whole tensors, as a whole or not at all."""
        if file_client_args is None and backend_args is None and '://' not in str(out_dir):
            backend_args = dict(backend=WHOLE)
        with gathered_states(*([self.model, self.optim_wrapper] if self.sharded else [])):
            self.call_hook('before_gathering')
            try:
                super().save_checkpoint(out_dir, filename, file_client_args, *args,
                                        backend_args=backend_args, **kwargs)
            except CheckpointError as error:
                raise CheckpointError(f'{error} {what_is_safe(self.cfg)}') from error

    def build_optim_wrapper(self, optim_wrapper) -> OptimWrapper:
        """Build it; its log has the one learning rate that there is, where all groups share it.

        mmengine logs the rate of no group besides, which the batch does not scale.
        """
        wrapper = super().build_optim_wrapper(optim_wrapper)
        if isinstance(wrapper, OptimWrapper):
            if len({group['lr'] for group in wrapper.optimizer.param_groups}) == 1:
                wrapper.base_param_settings = None
        return wrapper

    def _build_param_scheduler(self, scheduler, optim_wrapper: OptimWrapper) -> list:
        """Build them; one of less than an iteration, a warm-up of few images, is left out."""
        found = scheduler if isinstance(scheduler, Sequence) else [scheduler]
        lasting = [one for one in found if not is_momentary(one, len(self.train_dataloader))]
        return super()._build_param_scheduler(lasting, optim_wrapper)

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: Optional[Dict] = None) -> None:
        """Scale the learning rate to ranks x batch (mmengine) x accumulation (here)."""
        super().scale_lr(optim_wrapper, auto_scale_lr)
        if auto_scale_lr and auto_scale_lr.get('enable', False):
            for group in optim_wrapper.optimizer.param_groups:
                group['lr'] *= optim_wrapper._accumulative_counts

    @staticmethod
    def build_dataloader(*args, **kwargs) -> DataLoader:
        """Build it; its workers outlive the signals that a terminal sends to all processes."""
        loader = Runner.build_dataloader(*args, **kwargs)
        loader.worker_init_fn = outliving(loader.worker_init_fn)
        return loader

    def build_train_loop(self, loop) -> BaseLoop:
        """Build it; mmengine's loop over epochs becomes one that resumes within them."""
        check_parts(self.cfg)
        if isinstance(loop, dict) and loop.get('type', 'EpochBasedTrainLoop') in (
                'EpochBasedTrainLoop', EpochBasedTrainLoop) and loop.get('by_epoch', True):
            loop = {key: value for key, value in loop.items() if key != 'by_epoch'}
            loop['type'] = ResumableEpochLoop
        loop = super().build_train_loop(loop)
        if len(loop.dataloader) == 0:
            raise less_than_a_batch(len(loop.dataloader.dataset), loop.dataloader.batch_size,
                                    self.world_size)
        guard_batch_norms(self.model)
        return loop
