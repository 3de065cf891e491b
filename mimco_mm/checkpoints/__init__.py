from .architecture import network_name
from .backbone_file import save_backbone
from .describing import describe
from .download import local_file, sha256_of
from .errors import CheckpointError
from .exporting import TARGETS, prepare_export
from .heads import heads_of
from .loading import load_backbone
from .networks import network_config, timm_call
from .reading import read_checkpoint
from .report import LoadReport

__all__ = [
    'TARGETS', 'CheckpointError', 'LoadReport', 'describe', 'heads_of', 'load_backbone',
    'local_file', 'network_config', 'network_name', 'prepare_export', 'read_checkpoint',
    'save_backbone', 'sha256_of', 'timm_call'
]
