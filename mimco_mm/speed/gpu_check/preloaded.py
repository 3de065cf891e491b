"""What every part needs to be imported and set, once."""

import logging
import warnings

import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

import mimco_mm  # noqa: F401

from ...errors import ConfigError
from .. import simulation, step, throughput  # noqa: F401
from .rows import Setting


def prepare(setting: Setting) -> None:
    """Quiet logs, the registries' scope, and a device that is there.

    Raises:
        ConfigError: torch cannot use the GPU.
    """
    if not setting.rehearsal and not torch.cuda.is_available():
        raise ConfigError(f'torch {torch.__version__} cannot use the GPU; '
                          '`python -c "import torch; torch.cuda.init()"` says why.')
    warnings.filterwarnings('ignore')
    init_default_scope('mmpretrain')
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    torch.manual_seed(0)
