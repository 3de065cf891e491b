"""The versions that this package runs on, and an error that says what to install."""

import warnings
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO

from packaging.version import Version

# Import name -> (lowest version, first version that is too new). The maintained and the original
# OpenMMLab packages share their import names and, in these ranges, the interfaces used here.
SUPPORTED = {
    'torch': ('2.5', '3'),
    'mmengine': ('0.10.5', '0.11'),
    'mmcv': ('2.1', '2.4'),
    'mmpretrain': ('1.2', '1.4'),
}
INSTALL = 'pip install -r requirements/maintained.txt'


def import_quietly(module: str) -> None:
    """Import a module; what it prints of optional packages that are not there is left out."""
    with redirect_stdout(StringIO()) as printed, warnings.catch_warnings():
        warnings.filterwarnings('ignore', '.* is not installed')
        warnings.filterwarnings('ignore', 'Fail to import .* should install ``mmcv``')  # mmcv-lite
        import_module(module)
    for line in printed.getvalue().splitlines():
        if not line.startswith('Could not import '):
            print(line)


def check_stack() -> None:
    """Raise ImportError, naming the command that mends it, where the stack is missing or unfit."""
    for package, (lowest, too_new) in SUPPORTED.items():
        wanted = f'{package}>={lowest},<{too_new}'
        try:
            found = import_module(package).__version__
        except ImportError as error:
            raise ImportError(
                f'mimco_mm needs {wanted}, and importing it failed: {error}. '
                f'Install the stack with `{INSTALL}`.') from error
        if not Version(lowest) <= Version(Version(found).base_version) < Version(too_new):
            raise ImportError(f'mimco_mm needs {wanted}, found {found}. '
                              f'Install the stack with `{INSTALL}`.')
