from typing import Dict, Optional

import torch.distributed as dist
from mmengine.device import get_device
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, Runner
from mmpretrain.registry import RUNNERS
from torch import nn

from ..models.utils import convert_sync_batchnorm_to_cpu


@RUNNERS.register_module()
class PretrainRunner(Runner):
    """mmengine's Runner, with what pre-training needs and it lacks.

    - The learning rate follows the batch that is really used, accumulation included.
    - Several processes train on CPUs, over gloo.
    - A training set smaller than one batch is an error, not a run of no steps.
    """

    def setup_env(self, env_cfg: Dict) -> None:
        """Start gloo where there is no accelerator: mmengine's launcher wants a CUDA device."""
        if self._launcher == 'pytorch' and get_device() == 'cpu' and not dist.is_initialized():
            dist.init_process_group('gloo')
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: Optional[Dict], model: nn.Module) -> nn.Module:
        """Wrap the model for several CPU processes, which have no device ids and no SyncBN."""
        if self.distributed and get_device() == 'cpu' and not is_model_wrapper(model):
            model = convert_sync_batchnorm_to_cpu(model)
            defaults = dict(
                type='MMDistributedDataParallel',
                device_ids=None,
                broadcast_buffers=False,
                find_unused_parameters=self.cfg.get('find_unused_parameters', False))
            model_wrapper_cfg = {**defaults, **(model_wrapper_cfg or {})}
        return super().wrap_model(model_wrapper_cfg, model)

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: Optional[Dict] = None) -> None:
        """Scale the learning rate to ranks x batch (mmengine) x accumulation (here)."""
        super().scale_lr(optim_wrapper, auto_scale_lr)
        if auto_scale_lr and auto_scale_lr.get('enable', False):
            for group in optim_wrapper.optimizer.param_groups:
                group['lr'] *= optim_wrapper._accumulative_counts

    def build_train_loop(self, loop) -> BaseLoop:
        loop = super().build_train_loop(loop)
        if len(loop.dataloader) == 0:
            raise ValueError(
                f'The training set has {len(loop.dataloader.dataset)} images, fewer than one batch '
                f'of {loop.dataloader.batch_size} on each of {self.world_size} ranks: lower '
                '`train_dataloader.batch_size`, or check `train_dataloader.dataset.data_root`.')
        return loop
