"""How fast a step is: measured on a device, or counted without one."""

from .feeding import feeding_markdown, feeding_table, psnr, with_stock_transforms
from .memory import PeakMemory
from .step import TrainingStep
from .throughput import (
    bandwidth,
    count_work,
    matrix_rate,
    shares,
    shares_in_words,
    step_markdown,
    step_rows,
)
from .turns import interleaved, take_turns

__all__ = [
    'PeakMemory', 'TrainingStep', 'bandwidth', 'count_work', 'feeding_markdown', 'feeding_table',
    'interleaved', 'matrix_rate', 'psnr', 'shares', 'shares_in_words', 'step_markdown',
    'step_rows', 'take_turns', 'with_stock_transforms'
]
