"""Pickles of strangers: plain containers, strings, numbers and numpy arrays, and nothing is run.

Arrays are built here from their bytes, and not by numpy: what unpickles them in numpy believes the
file, and takes the bytes of an array of objects for addresses.
"""

import math
import pickle
import re
from typing import Any, BinaryIO, Tuple

import numpy as np

from ..errors import UserError

KINDS = re.compile(r'[biuf][1248]|[US]\d{1,4}')  # of an array's values


class PickleError(UserError, ValueError):
    """A pickle that asks for more than plain values."""


def load_plain(file: BinaryIO) -> Any:
    """The content of a pickle, of Python 2 or 3 and of numpy 1 or 2.

    Arrays are ``PlainArray``; their ``values`` are numpy's.

    Raises:
        PickleError: it asks for any other class or function.
        Exception: whatever a damaged file makes the unpickler raise.
    """
    # Python 2 wrote names as bytes, and numpy arrays too; latin1 keeps every byte of both
    return _PlainUnpickler(file, encoding='latin1').load()


class PlainType:
    """numpy's dtype, as pickled: its name, then its byte order."""

    def __init__(self, name: str, align: object = None, copy: object = None) -> None:
        self.name, self.order = name, '|'

    def __setstate__(self, state: Tuple) -> None:
        _, self.order, *structure = state[:5]
        if structure != [None, None, None]:
            raise PickleError(f'expected an array of plain values, got one of {self.name} with a '
                              'structure')

    def dtype(self) -> np.dtype:
        if not KINDS.fullmatch(self.name) or self.order not in ('<', '>', '=', '|'):
            raise PickleError(f'expected an array of numbers or strings, got one of {self.name!r}')
        return np.dtype(self.name).newbyteorder(self.order)


class PlainArray:
    """numpy's array, as pickled: empty, then its state."""

    def __init__(self, *args: object) -> None:
        if args:
            raise PickleError('expected an array with its values')
        self.values = np.zeros(0)

    def __setstate__(self, state: Tuple) -> None:
        _, shape, kind, by_columns, content = state
        self.values = _array(content, kind, shape, 'F' if by_columns else 'C')


def _array(content: Any, kind: PlainType, shape: Tuple, order: str = 'C') -> np.ndarray:
    """The array of these bytes, or, of Python's objects, of this list."""
    if isinstance(content, list) and re.fullmatch('O[48]?', kind.name):
        if shape != (len(content), ):
            raise PickleError(f'expected {len(content)} objects in a list, got the shape {shape}')
        values = np.empty(len(content), object)
        values[:] = content
        return values
    if isinstance(content, str):  # of Python 2
        content = content.encode('latin1')
    dtype = kind.dtype()
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise PickleError(f'{len(content)} bytes are no array {shape} of {kind.name}')
    return np.frombuffer(content, dtype).reshape(shape, order=order)


def _reconstruct(kind: type, *_: object) -> PlainArray:
    return kind()


def _scalar(kind: PlainType, content: Any) -> Any:
    return _array(content, kind, (1, ))[0]


def _frombuffer(*args: Any) -> PlainArray:
    array = PlainArray()
    array.values = _array(*args)
    return array


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """Bytes, as Python 3 writes them into pickles of protocol 2 and lower."""
    if encoding != 'latin1':
        raise PickleError(f'expected bytes encoded as latin1, got {encoding!r}')
    return text.encode('latin1')


def _no_bytes() -> bytes:
    """Empty bytes, which Python 3 writes as a call of ``bytes`` in those protocols."""
    return b''


_ALLOWED = {
    'numpy.ndarray': PlainArray,
    'numpy.dtype': PlainType,
    '_codecs.encode': _latin1_bytes,
    '__builtin__.bytes': _no_bytes,
    # numpy 2 moved what rebuilds arrays and scalars, and files of either must load in both
    **{f'{core}.{name}': function for core in ('numpy.core', 'numpy._core') for name, function in {
        'multiarray._reconstruct': _reconstruct, 'multiarray.scalar': _scalar,
        'numeric._frombuffer': _frombuffer}.items()},
}


class _PlainUnpickler(pickle.Unpickler):
    """Every other class or function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[f'{module}.{name}']
        except KeyError:
            raise PickleError(
                f'to unpickle it is to call {module}.{name}, which no ground truth needs. Expected '
                'lists, dicts, strings, numbers and numpy arrays of them. Take the file from the '
                'benchmark itself.') from None
