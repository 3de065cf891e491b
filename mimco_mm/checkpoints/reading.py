"""Reading checkpoint files without ever running what they pickle."""

import re
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Optional, Sequence

import torch
from safetensors.torch import load_file

from ..names import sized
from .damage import damaged_record, damaged_tensors
from .errors import CheckpointError
from .folders import is_index, shards, weights_file
from .plain_classes import PLAIN
from .stand_ins import is_a_call, refused_class, under

# More foreign classes than any known checkpoint holds (mmengine's run state has about ten).
MAX_FOREIGN_CLASSES = 64
# How many missing tensors an error names.
SHOWN = 6
ZIP = b'PK\x03\x04'  # how a zip archive begins, which PyTorch's files are


def read_checkpoint(path: str, stand_ins: bool = True, map_location: Any = None) -> dict:
    """The content of a checkpoint (PyTorch's or safetensors).

    Only tensors and plain containers are rebuilt (``weights_only=True``). Any other class that the
    file names, such as mmengine's HistoryBuffer or argparse's Namespace, becomes an inert stand-in.
    The bytes of a zip archive, which PyTorch's files are, must have the checksums with which they
    were written.

    Args:
        path: of a file, whatever its ending, of an index of several, or of a folder with either as
            the Hugging Face hub has them.
        stand_ins: without them mmengine's HistoryBuffer and numpy's numbers are rebuilt as well,
            and a file with any other class is refused: a run that goes on has use for all that it
            holds.
        map_location: as in ``torch.load``; without it tensors stay in the file, and come into the
            memory of the CPU as they are used.

    Raises:
        CheckpointError: no such file, or not a checkpoint that can be read safely.
    """
    file = weights_file(Path(str(path)).expanduser())
    if not file.is_file():
        raise CheckpointError(f'No such checkpoint file: {file} (seen from {Path.cwd()}).')
    if is_index(file):
        return _read_shards(file, stand_ins, map_location)
    return _read_file(file, stand_ins, map_location)


def _read_shards(index: Path, *how: Any) -> dict:
    content = {}
    for part, names in shards(index).items():
        tensors = _read_file(part, *how)
        missing = names - tensors.keys()
        if missing:
            raise CheckpointError(f'{part} lacks {len(missing)} tensors that {index.name} says are '
                                  f'in it: {", ".join(sorted(missing)[:SHOWN])}.')
        content.update(tensors)
    return content


def _read_file(file: Path, *how: Any) -> dict:
    content = _read_safetensors(file) if _of_safetensors(file) else _read_torch(file, *how)
    if not isinstance(content, dict):
        raise CheckpointError(f'{file} holds a {type(content).__name__}; expected a dict of '
                              'tensors, or one with such a dict under `state_dict` or `model`.')
    return content


def _of_safetensors(file: Path) -> bool:
    """Whether a file begins as safetensors do: 8 bytes with the length of the JSON that follows."""
    return _start(file)[8:9] == b'{'


def _read_safetensors(file: Path) -> dict:
    try:
        return load_file(file)
    except Exception as error:  # a type of numbers that this torch lacks raises anything
        raise CheckpointError(_complaint(file, error)) from error


def _read_torch(file: Path, stand_ins: bool, map_location: Any) -> Any:
    """``torch.load``, with a stand-in for each foreign class, found by what torch refuses."""
    names = _names_in_zip(file)
    if _of_torchscript(names):  # torch before 2.6 would run it
        raise CheckpointError(_complaint(file, TypeError('TorchScript')))
    damaged = _damaged(file) if names else None
    if damaged and damaged.endswith('.pkl'):
        raise CheckpointError(_told_damage(file, damaged))
    made = {}
    while len(made) <= MAX_FOREIGN_CLASSES:
        try:
            with torch.serialization.safe_globals(list(made.values()) if stand_ins else PLAIN):
                content = torch.load(file, map_location=map_location or 'cpu', weights_only=True,
                                     mmap=bool(names) and map_location is None)
            break
        except UnpicklingError as error:
            name, kind = refused_class(error)
            if name is None or issubclass(made.get(name, object), kind):
                raise CheckpointError(_complaint(file, error)) from error
            if is_a_call(name):
                raise CheckpointError(_told_call(file, name)) from error
            if not stand_ins:
                raise CheckpointError(
                    f'{file} holds a {name}, which no state of a run does. A run goes on from '
                    'tensors, numbers and text alone; to begin a new one from its weights: '
                    '--cfg-options load_from=FILE.') from error
            made[name] = under(name, type(name, (kind, ), {}))
        except Exception as error:  # a damaged file makes the unpickler raise anything
            raise CheckpointError(_complaint(file, error)) from error
    else:
        raise CheckpointError(f'{file} names more than {MAX_FOREIGN_CLASSES} foreign classes.')
    if damaged:
        raise CheckpointError(_told_damage(file, damaged, damaged_tensors(file, content)))
    return content


def _damaged(file: Path) -> Optional[str]:
    try:
        return damaged_record(file)
    except Exception as error:  # a damaged directory makes the archive's reader raise anything
        raise CheckpointError(_complaint(file, error)) from error


def _told_damage(file: Path, record: str, tensors: Sequence[str] = ()) -> str:
    more = f' and {len(tensors) - SHOWN} more' * (len(tensors) > SHOWN)
    what = f'{", ".join(tensors[:SHOWN])}{more} in it' if tensors else f'its part {record}'
    return (f'{file} is damaged: {what} has other bytes than were written (CRC-32). Copy or '
            'download it again; of a run that goes on, take an earlier checkpoint: --resume FILE.')


def _complaint(file: Path, error: Exception) -> str:
    """Why a file cannot be read, less torch's advice to read it with ``weights_only=False``."""
    blocked = re.search(r'GLOBAL (\S+) whose module', str(error))
    if blocked:
        return _told_call(file, blocked[1])
    start = _start(file)
    if start.startswith(ZIP) and not _names_in_zip(file):
        return (f'{file} ({sized(file.stat().st_size)}) begins as a checkpoint of PyTorch, and its '
                'end is missing. Copy or download it again.')
    return (f'{file} ({file.stat().st_size} bytes, the first are {start[:32]}) is no checkpoint of '
            f'PyTorch or safetensors, or a truncated or damaged one ({type(error).__name__}).'
            f'{_likely_cause(file, start)}')


def _told_call(file: Path, name: str) -> str:
    return (f'{file} cannot be read safely: to unpickle it is to call {name}, which was not done. '
            'Take the weights from elsewhere, or saved as a `state_dict` alone.')


def _start(file: Path) -> bytes:
    with file.open('rb') as content:
        return content.read(64)


def _likely_cause(file: Path, start: bytes) -> str:
    if is_web_page(start):
        return ' It is a web page: the link led to a page about the file, or to an error message.'
    if start.startswith(b'version https://git-lfs'):
        return ' It is a pointer of Git LFS in place of the file: get that by `git lfs pull`.'
    if start.lstrip()[:1] == b'{':
        return ' It is JSON, which holds no weights: give the file, or the folder, of the weights.'
    names = _names_in_zip(file)
    if _of_torchscript(names):
        return (' It is a TorchScript archive, which holds a program: take the weights of this '
                'network as a state dict, e.g. in safetensors.')
    if names and not any(name.endswith('data.pkl') for name in names):
        return f' It is an ordinary zip archive, of {", ".join(names[:3])}: unpack it.'
    return ''


def _names_in_zip(file: Path) -> list[str]:
    """What a zip archive holds; nothing, if the file is none or a damaged one."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        return []


def _of_torchscript(names: list[str]) -> bool:
    return any(name.endswith('constants.pkl') for name in names)


def is_web_page(start: bytes) -> bool:
    """Whether a file that begins so is HTML or XML."""
    return start.lstrip()[:5].lower() in (b'<!doc', b'<html', b'<?xml')
