from .curves import plot_runs, read_scalars
from .neighbours import plot_neighbours

__all__ = ['plot_neighbours', 'plot_runs', 'read_scalars']
