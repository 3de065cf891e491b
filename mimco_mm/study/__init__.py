from .comparisons import COMPARISONS, VERDICTS, Comparison, compare, gap, holm
from .data import check_classes, write_cifar10, write_held_out, write_subset
from .plan import (
    LENGTH_ROWS,
    LENGTHS,
    METRICS,
    NETWORKS,
    ROWS,
    SEEDS,
    SIZES,
    TEACHER,
    Job,
    Row,
    Size,
    jobs,
    length_jobs,
)
from .plots import plot_lengths, plot_order, plot_scores
from .report import as_markdown, of_rows
from .results import write_results
from .running import run_job
from .scheduling import TimeLeft, run_all

__all__ = [
    'COMPARISONS', 'LENGTHS', 'LENGTH_ROWS', 'METRICS', 'NETWORKS', 'ROWS', 'SEEDS', 'SIZES',
    'TEACHER', 'VERDICTS', 'Comparison', 'Job', 'Row', 'Size', 'TimeLeft', 'as_markdown',
    'check_classes', 'compare', 'gap', 'holm', 'jobs', 'length_jobs', 'of_rows', 'plot_lengths',
    'plot_order', 'plot_scores', 'run_all', 'run_job', 'write_cifar10', 'write_held_out',
    'write_results', 'write_subset'
]
