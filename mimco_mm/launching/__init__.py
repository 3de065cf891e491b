"""From a request to a run: its config, its checks, its processes, its end."""

from .checks import check_all
from .ending import errors_told
from .processes import launch, needs_launcher
from .run_config import Request, complete_dataloader, requested_config, scope_of
from .training import build_runner, is_finished, train

__all__ = ['Request', 'build_runner', 'check_all', 'complete_dataloader', 'errors_told',
           'is_finished', 'launch', 'needs_launcher', 'requested_config', 'scope_of', 'train']
