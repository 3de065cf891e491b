"""Inert classes in place of the foreign ones that a checkpoint names."""

import re
import sys
from _compat_pickle import IMPORT_MAPPING
from collections import OrderedDict
from pickle import UnpicklingError
from typing import Any, Optional

# Modules of Python's own library whose classes hold data, as the arguments of a run do.
DATA_MODULES = ('argparse', 'collections', 'copyreg', 'datetime', 'decimal', 'enum', 'fractions',
                'functools', 'pathlib', 'types', 'uuid')
# Of the builtins; mmengine's history of a run names others, such as getattr.
CALLS = ('eval', 'exec', 'compile', 'open', 'input', 'breakpoint', '__import__')


class Inert:
    """Stands in for a foreign class of a checkpoint: takes any state, and does nothing with it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> 'Inert':
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


class InertMapping:
    """The same for a dict's subclass, such as yacs' CfgNode.

    torch fills no other mapping than its own few, so the stand-in makes one of those.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> OrderedDict:
        return OrderedDict()


def refused_class(error: UnpicklingError) -> tuple[Optional[str], type]:
    """The foreign class that torch's reader stumbled over, and the stand-in that it needs."""
    unknown = re.search(r'GLOBAL ([\w.]+) was not an allowed global', str(error))
    if unknown:
        return unknown[1], Inert
    filled = re.search(r"Can only SETITEMS? .* but got <class '([\w.]+)'>", str(error))
    return (filled[1] if filled else None), InertMapping


def is_a_call(name: str) -> bool:
    """Whether a file that names this wants something done, not held: ``subprocess.check_call``."""
    module, _, attribute = name.rpartition('.')
    module = IMPORT_MAPPING.get(module, module).partition('.')[0]  # as Python 2 has called it
    if module in ('', 'builtins'):
        return attribute in CALLS
    return module in sys.stdlib_module_names and module not in DATA_MODULES


def under(name: str, what: Any) -> Any:
    """Let torch's reader find a class or function under a full name."""
    module, _, what.__qualname__ = name.rpartition('.')
    what.__module__ = module or 'builtins'
    what.__name__ = what.__qualname__
    return what
