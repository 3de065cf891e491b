"""MimCo (ACM MM 2022) as a plugin of mmpretrain: importing this package registers its parts."""

import os

from .requirements import check_stack, import_quietly
from .version import __version__

# Threads that wait must not spin: beside another process on the same cores a small network's step
# takes several times as long. libgomp reads this once, when torch is first imported.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
check_stack()
import_quietly('mmpretrain.datasets')
import_quietly('mmpretrain.models')

from . import datasets, engine, models, watch  # noqa: E402, F401
from .api import embed, load_student, pretrain  # noqa: E402
from .checkpoints import read_safely_everywhere  # noqa: E402
from .config_names import let_configs_inherit  # noqa: E402

let_configs_inherit('mmseg')
read_safely_everywhere()

__all__ = ['__version__', 'embed', 'load_student', 'pretrain']
