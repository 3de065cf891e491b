"""What looks at a run: it changes nothing of it, tells what is wrong, and may end it."""

from .broken_image_hook import BrokenImageHook
from .health_hook import HealthHook
from .knn_hook import KNNHook
from .label_check_hook import LabelCheckHook
from .nan_guard_hook import NaNGuardHook
from .summary_hook import PretrainSummaryHook
from .untouched import untouched

__all__ = [
    'BrokenImageHook', 'HealthHook', 'KNNHook', 'LabelCheckHook', 'NaNGuardHook',
    'PretrainSummaryHook', 'untouched'
]
