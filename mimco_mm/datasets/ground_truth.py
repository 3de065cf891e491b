"""The ground truth of revisited Oxford and Paris, gnd_roxford5k.pkl and gnd_rparis6k.pkl.

Format of Radenovic et al., CVPR 2018: a pickled dict with ``imlist`` (names of the database's
images, without '.jpg'), ``qimlist`` (names of the queries), and ``gnd``, one dict a query:
``easy``, ``hard`` and ``junk`` (indices into ``imlist``) and ``bbx`` (the query's box, x0 y0 x1 y1
in px).
"""

from pathlib import Path, PurePosixPath
from typing import Any, Dict, List, NamedTuple, Tuple, Union

import numpy as np

from ..errors import UserError
from .plain_pickle import PickleError, PlainArray, load_plain

LISTS = ('easy', 'hard', 'junk')


class GroundTruthError(UserError, ValueError):
    """A ground truth that cannot be used; the message says where it differs from the format."""


class GroundTruth(NamedTuple):
    """A checked ground truth, under the format's own names.

    Attributes:
        imlist: names of the N images of the database.
        qimlist: names of the Q queries.
        gnd: Q dicts; ``easy``, ``hard``, ``junk``: int64 (n,), sorted, distinct and disjoint, from
            0 to N - 1; ``bbx``: (x0, y0, x1, y1) in px.
    """

    imlist: Tuple[str, ...]
    qimlist: Tuple[str, ...]
    gnd: Tuple[Dict[str, Any], ...]


def load_ground_truth(path: Union[str, Path]) -> GroundTruth:
    """Read and check a ground truth, without ever running what the file pickles.

    Raises:
        GroundTruthError: no such file, not a pickle, a pickle that asks for anything but plain
            containers, strings, numbers and numpy arrays of them, or one of another structure.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise GroundTruthError(
            f'There is no ground truth {path} (seen from {Path.cwd()}). It comes with the '
            'benchmark, as gnd_roxford5k.pkl and gnd_rparis6k.pkl at '
            'http://cmp.felk.cvut.cz/revisitop/data/datasets; put it into DATA_ROOT/roxford5k or '
            'DATA_ROOT/rparis6k, where DATA_ROOT is `data_root` of the config or --data-root.')
    try:
        with path.open('rb') as file:
            content = load_plain(file)
    except PickleError as error:
        raise GroundTruthError(f'{path} is refused: {error}') from error
    except Exception as error:  # a damaged file makes the unpickler raise anything
        with path.open('rb') as file:
            start = file.read(16)
        raise GroundTruthError(
            f'{path} ({path.stat().st_size} bytes, the first are {start}) is no pickle, or a '
            f'truncated or damaged one ({type(error).__name__}: {error}). Download it again.'
        ) from error
    try:
        return _checked(content)
    except GroundTruthError as error:
        raise GroundTruthError(f'{path} is not in the format of the benchmark: {error}') from error


def _checked(content: Any) -> GroundTruth:
    if not isinstance(content, dict):
        raise GroundTruthError(f'expected a dict, got a {type(content).__name__}.')
    missing = [key for key in GroundTruth._fields if key not in content]
    if missing:
        raise GroundTruthError(f'expected the keys {", ".join(GroundTruth._fields)}, and there is '
                               f'no {", ".join(missing)} among {sorted(map(str, content))}.')
    imlist, qimlist = (_names(content[key], key) for key in ('imlist', 'qimlist'))
    annotations = _sequence(content['gnd'], 'gnd')
    if len(annotations) != len(qimlist):
        raise GroundTruthError(f'expected one entry of `gnd` for each of the {len(qimlist)} names '
                               f'in `qimlist`, got {len(annotations)}.')
    gnd = tuple(_annotation(entry, f'gnd[{index}]', len(imlist))
                for index, entry in enumerate(annotations))
    return GroundTruth(imlist, qimlist, gnd)


def _sequence(value: Any, where: str) -> List[Any]:
    if isinstance(value, PlainArray):
        value = value.values
    if not isinstance(value, (list, tuple, np.ndarray)) or getattr(value, 'ndim', 1) != 1:
        shape = f' of shape {value.shape}' if isinstance(value, np.ndarray) else ''
        raise GroundTruthError(f'expected a list in `{where}`, got a {type(value).__name__}'
                               f'{shape}.')
    return list(value)


def _names(value: Any, where: str) -> Tuple[str, ...]:
    names = _sequence(value, where)
    if not names:
        raise GroundTruthError(f'`{where}` is empty.')
    for name in names:
        if not isinstance(name, str) or not name:
            raise GroundTruthError(f'expected names of images in `{where}`, got {name!r}.')
        parts = PurePosixPath(name.replace('\\', '/'))
        if parts.is_absolute() or '..' in parts.parts:  # the name becomes a path under jpg/
            raise GroundTruthError(f'`{where}` names a file outside of the folder jpg: {name!r}.')
    return tuple(map(str, names))


def _annotation(entry: Any, where: str, images: int) -> Dict[str, Any]:
    """One checked entry of ``gnd``."""
    if not isinstance(entry, dict):
        raise GroundTruthError(f'expected a dict in `{where}`, got a {type(entry).__name__}.')
    missing = [key for key in (*LISTS, 'bbx') if key not in entry]
    if missing:
        raise GroundTruthError(f'`{where}` has no {", ".join(missing)}: expected the keys easy, '
                               f'hard, junk and bbx, got {sorted(map(str, entry))}.')
    lists = {key: _indices(entry[key], f'{where}[{key!r}]', images) for key in LISTS}
    found, counts = np.unique(np.concatenate(list(lists.values())), return_counts=True)
    if (counts > 1).any():
        raise GroundTruthError(f'`{where}` lists images more than once in easy, hard and junk: '
                               f'{found[counts > 1][:6].tolist()}.')
    return dict(**lists, bbx=_box(entry['bbx'], f"{where}['bbx']"))


def _indices(value: Any, where: str, images: int) -> np.ndarray:
    indices = _sequence(value, where)
    for index in indices:
        if not isinstance(index, (int, np.integer)) or isinstance(index, bool):
            raise GroundTruthError(f'expected indices in `{where}`, got {index!r}.')
        if not 0 <= index < images:
            raise GroundTruthError(f'expected indices from 0 to {images - 1} in `{where}`, as '
                                   f'`imlist` has {images} images, got {index}.')
    return np.sort(np.array(indices, dtype=np.int64))


def _box(value: Any, where: str) -> Tuple[float, ...]:
    numbers = _sequence(value, where)
    fits = len(numbers) == 4 and all(
        isinstance(n, (int, float, np.integer, np.floating)) and np.isfinite(n) for n in numbers)
    if not fits or not (numbers[0] < numbers[2] and numbers[1] < numbers[3]):
        raise GroundTruthError(f'expected x0, y0, x1, y1 with x0 < x1 and y0 < y1 in `{where}`, '
                               f'got {value!r}.')
    return tuple(map(float, numbers))
