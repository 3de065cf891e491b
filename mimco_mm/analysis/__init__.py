from .comparable import objections
from .curves import plot_curves, plot_runs
from .effective_epochs import effective_epochs, effective_epochs_of_config
from .efficiency import own_points, paper_points, plot_efficiency, points_table
from .feeding import (
    feeding_markdown,
    feeding_table,
    interleaved,
    psnr,
    with_stock_transforms,
)
from .memory import PeakMemory
from .nearest_patches import NearestPatches, features_at
from .neighbours import plot_neighbours
from .pattern_queries import draw_queries, parse_query
from .patterns import Box, context_tile, mosaic, patch_box, plot_patterns
from .pictures import picture_file
from .records import (
    RecordError,
    config_sha256,
    folder_identity,
    read_json,
    skipped,
    stored_record,
    write_json,
    write_record,
)
from .report import as_markdown, lines_of, run_labels
from .report_plot import plot_report, write_report
from .results import read_logged, read_results, read_run
from .scalars import epoch_length, read_scalars
from .throughput import (
    Work,
    bandwidth,
    count_work,
    matrix_rate,
    shares,
    shares_in_words,
    step_markdown,
    step_rows,
    take_turns,
)
from .tsne import check_counts, embed, fit_to_counts, plot_tsne, read_class_names

__all__ = [
    'Box', 'NearestPatches', 'PeakMemory', 'RecordError', 'Work', 'as_markdown', 'bandwidth',
    'check_counts', 'config_sha256', 'context_tile', 'count_work', 'draw_queries',
    'effective_epochs', 'effective_epochs_of_config', 'embed', 'epoch_length', 'features_at',
    'feeding_markdown', 'feeding_table', 'fit_to_counts', 'folder_identity', 'interleaved',
    'lines_of', 'matrix_rate', 'mosaic', 'objections', 'own_points', 'paper_points', 'parse_query',
    'patch_box', 'picture_file', 'plot_curves', 'plot_efficiency', 'plot_neighbours',
    'plot_patterns', 'plot_report', 'plot_runs', 'plot_tsne', 'points_table', 'psnr',
    'read_class_names', 'read_json', 'read_logged', 'read_results', 'read_run', 'read_scalars',
    'run_labels', 'shares', 'shares_in_words', 'skipped', 'step_markdown', 'step_rows',
    'stored_record', 'take_turns', 'with_stock_transforms', 'write_json', 'write_record',
    'write_report'
]
