"""What a user may set, on a command line or in Python, and how it reaches what runs."""

from .applying import apply_all
from .config_files import CONFIGS, find_config, load_config
from .keys import apply_options, check_config, set_option
from .readers import KNN, PREVIEW, RETRIEVAL, TEST, refuse
from .shortcuts import EPOCHS_KEYS, SHORTCUTS, apply_shortcuts
from .values import as_option

__all__ = ['CONFIGS', 'EPOCHS_KEYS', 'KNN', 'PREVIEW', 'RETRIEVAL', 'SHORTCUTS', 'TEST',
           'apply_all', 'apply_options', 'apply_shortcuts', 'as_option', 'check_config',
           'find_config', 'load_config', 'refuse', 'set_option']
