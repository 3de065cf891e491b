from .architecture import network_name
from .backbone_file import save_backbone
from .describing import describe
from .errors import CheckpointError
from .exporting import TARGETS, prepare_export
from .heads import heads_of
from .loading import load_backbone
from .networks import network_config, timm_call
from .reading import read_checkpoint
from .report import LoadReport

__all__ = [
    'TARGETS', 'CheckpointError', 'LoadReport', 'describe', 'heads_of', 'load_backbone',
    'network_config', 'network_name', 'prepare_export', 'read_checkpoint', 'save_backbone',
    'timm_call'
]
