"""The pictures: of what features know, of what a run trains on, of runs and their results."""

from .curves import plot_curves, plot_runs
from .efficiency import plot_efficiency
from .efficiency_points import own_points, paper_points, points_table, read_own_points
from .logged_runs import read_runs, with_epochs
from .nearest_patches import NearestPatches, features_at
from .neighbours import plot_neighbours
from .pattern_queries import draw_queries, parse_query
from .patterns import Box, context_tile, mosaic, patch_box, plot_patterns
from .pictures import picture_file
from .report_plot import write_report
from .tsne import check_counts, embed, fit_to_counts, plot_tsne, read_class_names

__all__ = [
    'Box', 'NearestPatches', 'check_counts', 'context_tile', 'draw_queries', 'embed',
    'features_at', 'fit_to_counts', 'mosaic', 'own_points', 'paper_points', 'parse_query',
    'patch_box', 'picture_file', 'plot_curves', 'plot_efficiency', 'plot_neighbours',
    'plot_patterns', 'plot_runs', 'plot_tsne', 'points_table', 'read_class_names',
    'read_own_points', 'read_runs', 'with_epochs', 'write_report'
]
