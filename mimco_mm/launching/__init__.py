"""From a request to a run: its config, its checks, its processes, its end."""

from .building import parts_told
from .checks import check_all
from .ending import errors_told
from .leftovers import no_empty_folders, nothing_left
from .meeting import check_launcher
from .parents import end_with_parent
from .processes import launch, machines, needs_launcher
from .run_config import Request, complete_dataloader, requested_config, scope_of
from .training import build_runner, is_finished, train

__all__ = ['Request', 'build_runner', 'check_all', 'check_launcher', 'complete_dataloader',
           'end_with_parent', 'errors_told', 'is_finished', 'launch', 'machines',
           'needs_launcher', 'no_empty_folders', 'nothing_left', 'parts_told',
           'requested_config', 'scope_of', 'train']
