from typing import Dict, Optional, Union

import torch.distributed as dist
from mmengine.device import get_device
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, Runner
from mmpretrain.registry import RUNNERS
from torch import nn

from ..models.acceleration import accelerate, compile_blocks
from ..models.utils import convert_sync_batchnorm_to_cpu
from .sharding import check_shardable, gathered_states, shard
from .start_check import check_parts


@RUNNERS.register_module()
class PretrainRunner(Runner):
    """mmengine's Runner, with what pre-training needs and it lacks.

    - The learning rate follows the batch that is really used, accumulation included.
    - Layers are exchanged for faster ones that compute the same (``accelerate=False``: they stay).
    - ``compile_blocks=True`` has torch.compile work on each block of the networks.
    - Several processes train on CPUs, over gloo.
    - ``fsdp=True`` in the config shards parameters, gradients and optimizer state over the
      processes. Checkpoints are read before, and written whole: they are those of any run.
    - A training set smaller than one batch is an error, not a run of no steps; so are parts of the
      config that do not fit each other or the machine (``check_parts``).
    """

    def setup_env(self, env_cfg: Dict) -> None:
        """Start gloo where there is no accelerator: mmengine's launcher wants a CUDA device."""
        if self._launcher == 'pytorch' and get_device() == 'cpu' and not dist.is_initialized():
            dist.init_process_group('gloo')
        super().setup_env(env_cfg)

    def build_model(self, model: Union[nn.Module, Dict]) -> nn.Module:
        """Build the model, of faster layers, with blocks compiled where that is wanted."""
        model = super().build_model(model)
        if self.cfg.get('accelerate', True):
            accelerate(model)
        return compile_blocks(model) if self.cfg.get('compile_blocks', False) else model

    def wrap_model(self, model_wrapper_cfg: Optional[Dict], model: nn.Module) -> nn.Module:
        """Wrap the model for several CPU processes, which have no device ids and no SyncBN.

        With ``fsdp`` there is no wrapper.
        """
        on_cpus = self.distributed and get_device() == 'cpu' and not is_model_wrapper(model)
        if on_cpus:
            model = convert_sync_batchnorm_to_cpu(model)
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
        super().load_or_resume()
        if self.sharded and isinstance(self.optim_wrapper, OptimWrapper):
            shard(self.model, self.optim_wrapper)

    def save_checkpoint(self, *args, **kwargs) -> None:
        """Let rank 0 write the checkpoint, of whole tensors."""
        with gathered_states(*([self.model, self.optim_wrapper] if self.sharded else [])):
            super().save_checkpoint(*args, **kwargs)

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: Optional[Dict] = None) -> None:
        """Scale the learning rate to ranks x batch (mmengine) x accumulation (here)."""
        super().scale_lr(optim_wrapper, auto_scale_lr)
        if auto_scale_lr and auto_scale_lr.get('enable', False):
            for group in optim_wrapper.optimizer.param_groups:
                group['lr'] *= optim_wrapper._accumulative_counts

    def build_train_loop(self, loop) -> BaseLoop:
        check_parts(self.cfg)
        loop = super().build_train_loop(loop)
        if len(loop.dataloader) == 0:
            raise ValueError(
                f'The training set has {len(loop.dataloader.dataset)} images, fewer than one batch '
                f'of {loop.dataloader.batch_size} on each of {self.world_size} ranks: lower '
                '`train_dataloader.batch_size`, or check `train_dataloader.dataset.data_root`.')
        return loop
