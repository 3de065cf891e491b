from .accumulation_hook import AccumulationHook
from .backbone_file_hook import BackboneFileHook
from .broken_image_hook import BrokenImageHook
from .data_record_hook import DataRecordHook
from .epoch_seed_hook import EpochSeedHook
from .health_hook import HealthHook
from .interruption_hook import InterruptionHook
from .knn_hook import KNNHook
from .label_check_hook import LabelCheckHook
from .nan_guard_hook import NaNGuardHook
from .progress_bar_hook import ProgressBarHook
from .rank_state_hook import RankStateHook
from .rank_watch_hook import RankWatchHook
from .run_identity_hook import RunIdentityHook
from .summary_hook import PretrainSummaryHook
from .whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
    'AccumulationHook', 'BackboneFileHook', 'BrokenImageHook', 'DataRecordHook', 'EpochSeedHook',
    'HealthHook', 'InterruptionHook', 'KNNHook', 'LabelCheckHook', 'NaNGuardHook',
    'PretrainSummaryHook', 'ProgressBarHook', 'RankStateHook', 'RankWatchHook', 'RunIdentityHook',
    'WholeCheckpointHook'
]
