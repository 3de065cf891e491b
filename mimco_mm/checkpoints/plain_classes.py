"""The classes with which mmengine's runs are saved, built from plain values alone."""

from typing import Any, Callable

import numpy as np
from mmengine.logging import HistoryBuffer

from .stand_ins import under

# How the file of a run names what builds numpy's numbers and arrays: numpy 2 and 1.
NUMPY_MODULES = ('numpy._core.multiarray', 'numpy.core.multiarray')
NUMBERS = '?bhilqBHILQefdFDSU'  # numpy's codes of types without objects


class PlainHistory(HistoryBuffer):
    """What a pickled HistoryBuffer becomes: one with its numbers.

    mmengine's own takes over functions that the file names, for all buffers of the process.
    """

    def __setstate__(self, state: dict) -> None:
        self.__class__ = HistoryBuffer  # as which it is saved again
        self.__init__(state['_log_history'], state['_count_history'], int(state['max_length']))


def no_function(*args: Any) -> None:
    """In place of ``getattr``, by which a HistoryBuffer's file names its functions."""


def renamed(name: str, function: Callable) -> Callable:
    """The same function under the full ``name`` by which files ask for it."""

    def builds(*args: Any) -> Any:
        return function(*args)

    return under(name, builds)


# For ``torch.serialization.safe_globals``
PLAIN = [
    under('mmengine.logging.history_buffer.HistoryBuffer', PlainHistory),
    under('builtins.getattr', no_function),
    slice,
    np.ndarray,
    np.dtype,
    *{type(np.dtype(code)) for code in NUMBERS},
    *(renamed(f'{module}.scalar', np.float64(0).__reduce__()[0]) for module in NUMPY_MODULES),
    *(renamed(f'{module}._reconstruct', np.zeros(1).__reduce__()[0]) for module in NUMPY_MODULES),
]
