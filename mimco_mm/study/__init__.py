from .comparisons import COMPARISONS, VERDICTS, Comparison, compare, gap, holm
from .data import (
    check_classes,
    prepare,
    stored_size,
    write_cifar10,
    write_held_out,
    write_subset,
)
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
    changed_size,
    choose_jobs,
    jobs,
    length_jobs,
)
from .plots import plot_lengths, plot_order, plot_scores
from .report import as_markdown, of_rows
from .results import write_results, write_study
from .running import run_job
from .scheduling import TimeLeft, run_all
from .training import train_all

__all__ = [
    'COMPARISONS', 'Comparison', 'Job', 'LENGTHS', 'LENGTH_ROWS', 'METRICS', 'NETWORKS', 'ROWS',
    'Row', 'SEEDS', 'SIZES', 'Size', 'TEACHER', 'TimeLeft', 'VERDICTS', 'as_markdown',
    'changed_size', 'check_classes', 'choose_jobs', 'compare', 'gap', 'holm', 'jobs',
    'length_jobs', 'of_rows', 'plot_lengths', 'plot_order', 'plot_scores', 'prepare', 'run_all',
    'run_job', 'stored_size', 'train_all', 'write_cifar10', 'write_held_out', 'write_results',
    'write_study', 'write_subset'
]
