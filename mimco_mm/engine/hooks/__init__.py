from .accumulation_hook import AccumulationHook
from .backbone_file_hook import BackboneFileHook
from .data_record_hook import DataRecordHook
from .epoch_seed_hook import EpochSeedHook
from .interruption_hook import InterruptionHook
from .last_evaluation_hook import LastEvaluationHook
from .progress_bar_hook import ProgressBarHook
from .rank_state_hook import RankStateHook
from .rank_watch_hook import RankWatchHook
from .run_identity_hook import RunIdentityHook
from .whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
    'AccumulationHook', 'BackboneFileHook', 'DataRecordHook', 'EpochSeedHook', 'InterruptionHook',
    'LastEvaluationHook', 'ProgressBarHook', 'RankStateHook', 'RankWatchHook', 'RunIdentityHook',
    'WholeCheckpointHook'
]
