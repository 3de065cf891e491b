from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmpretrain.registry import OPTIM_WRAPPERS
from torch import nn

from ...errors import ConfigError


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Autocast without a gradient scaler, for bfloat16; on a CPU it computes in float32.

    mmengine's AmpOptimWrapper refuses to be built without an accelerator, and scales gradients,
    which bfloat16 with its float32 range does not need. Use that one for float16.

    Args:
        dtype: what autocast computes in.
        **kwargs: those of mmengine's OptimWrapper.
    """

    def __init__(self, dtype: str = 'bfloat16', **kwargs) -> None:
        super().__init__(**kwargs)
        if dtype != 'bfloat16':
            raise ConfigError(f"`optim_wrapper.dtype` must be 'bfloat16', got {dtype!r}. For "
                              "float16 set `optim_wrapper.type='AmpOptimWrapper'`.")
        self.device_type = get_device().split(':')[0]
        self.enabled = self.device_type != 'cpu'
        if self.device_type == 'cuda' and torch.cuda.get_device_capability()[0] < 8:
            MMLogger.get_current_instance().warning(
                f'{torch.cuda.get_device_name()} only emulates bfloat16, slowly: train with '
                '`--amp fp16` or `--amp off`.')

    @contextmanager
    def optim_context(self, model: nn.Module):
        with super().optim_context(model), torch.autocast(
                self.device_type, torch.bfloat16, enabled=self.enabled):
            yield
