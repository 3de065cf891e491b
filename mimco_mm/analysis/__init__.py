from .curves import plot_runs, read_scalars
from .effective_epochs import effective_epochs, effective_epochs_of_config
from .neighbours import plot_neighbours
from .report import as_markdown, lines_of, plot_report
from .results import read_results, read_run

__all__ = [
    'as_markdown', 'effective_epochs', 'effective_epochs_of_config', 'lines_of',
    'plot_neighbours', 'plot_report', 'plot_runs', 'read_results', 'read_run', 'read_scalars'
]
