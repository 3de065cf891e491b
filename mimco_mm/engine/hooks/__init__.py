from .backbone_file_hook import BackboneFileHook
from .broken_image_hook import BrokenImageHook
from .epoch_seed_hook import EpochSeedHook
from .run_identity_hook import RunIdentityHook
from .summary_hook import PretrainSummaryHook

__all__ = [
    'BackboneFileHook', 'BrokenImageHook', 'EpochSeedHook', 'PretrainSummaryHook',
    'RunIdentityHook'
]
