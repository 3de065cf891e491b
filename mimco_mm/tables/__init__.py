"""The figures of the paper beside those that runs have measured."""

from .comparable import objections
from .effective_epochs import effective_epochs
from .measured import measured
from .paper import TABLE_1, TABLE_4, TABLE_6_PAIRS, TABLE_9
from .report import Line, as_markdown, lines_of, run_labels
from .results import (
    BENCHMARKS,
    REVISITED,
    Result,
    read_logged,
    read_results,
    read_run,
    results_folder,
)
from .scalars import describe_damage, epoch_length, read_scalars

__all__ = [
    'BENCHMARKS', 'REVISITED', 'TABLE_1', 'TABLE_4', 'TABLE_6_PAIRS', 'TABLE_9', 'Line', 'Result',
    'as_markdown', 'describe_damage', 'effective_epochs', 'epoch_length', 'lines_of', 'measured',
    'objections', 'read_logged', 'read_results', 'read_run', 'read_scalars', 'results_folder',
    'run_labels'
]
