from .architecture import network_name
from .backbone_file import save_backbone
from .describing import describe
from .download import local_file, sha256_of
from .errors import CheckpointError
from .exporting import TARGETS, prepare_export
from .folders import folder_json
from .heads import heads_of
from .hub import (
    HF,
    PREPROCESSOR,
    TIMM,
    config_folder,
    is_address,
    library,
    split_address,
    timm_cfg,
)
from .library_network import LibraryNetwork
from .loading import load_backbone, told_of
from .mmengine_loader import read_safely_everywhere
from .model_card import check_license, model_card, unknown_to
from .networks import network_config
from .reading import read_checkpoint
from .report import LoadReport
from .resumable import Resumable, find_resumable, traces_of_a_run
from .starting import load_whole, read_run, start_from
from .timm_network import timm_call
from .whole import check_whole
from .whole_backend import WHOLE
from .writing import remove_abandoned, write_text, write_whole

__all__ = [
    'HF', 'PREPROCESSOR', 'TARGETS', 'TIMM', 'WHOLE', 'CheckpointError', 'LibraryNetwork',
    'LoadReport', 'Resumable', 'check_license', 'check_whole', 'config_folder', 'describe',
    'find_resumable', 'folder_json', 'heads_of', 'is_address', 'library', 'load_backbone',
    'load_whole', 'local_file', 'model_card', 'network_config', 'network_name', 'prepare_export',
    'read_checkpoint', 'read_run', 'read_safely_everywhere', 'remove_abandoned', 'save_backbone',
    'sha256_of', 'split_address', 'start_from', 'timm_call', 'timm_cfg', 'told_of',
    'traces_of_a_run', 'unknown_to', 'write_text', 'write_whole'
]
