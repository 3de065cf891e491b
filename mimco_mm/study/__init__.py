from .comparisons import COMPARISONS, Comparison, compare
from .data import check_classes, write_cifar10, write_subset
from .plan import METRICS, NETWORKS, ROWS, SEEDS, SIZES, TEACHER, Job, Row, Size, jobs
from .report import as_markdown, plot_order, plot_scores
from .running import run_job

__all__ = [
    'COMPARISONS', 'METRICS', 'NETWORKS', 'ROWS', 'SEEDS', 'SIZES', 'TEACHER', 'Comparison',
    'Job', 'Row', 'Size', 'as_markdown', 'check_classes', 'compare', 'jobs', 'plot_order',
    'plot_scores', 'run_job', 'write_cifar10', 'write_subset'
]
