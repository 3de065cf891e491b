"""From a request to a run: its config, its checks, its end."""

from ..options.scopes import scope_of
from .building import parts_told
from .checks import check_all
from .ending import errors_told
from .leftovers import no_empty_folders, nothing_left
from .run_config import Request, complete_dataloader, requested_config
from .training import build_runner, is_finished, train

__all__ = [
    'Request', 'build_runner', 'check_all', 'complete_dataloader', 'errors_told', 'is_finished',
    'no_empty_folders', 'nothing_left', 'parts_told', 'requested_config', 'scope_of', 'train'
]
