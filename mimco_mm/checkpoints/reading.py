"""Reading checkpoint files without ever running what they pickle."""

import re
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from .errors import CheckpointError

# More foreign classes than any known checkpoint holds (mmengine's run state has about ten).
MAX_FOREIGN_CLASSES = 64


class Inert:
    """Stands in for a foreign class of a checkpoint: takes any state, and does nothing with it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> 'Inert':
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def read_checkpoint(path: str) -> dict:
    """The content of a checkpoint file, on the CPU.

    Only tensors and plain containers are rebuilt (``weights_only=True``). Any other class that the
    file names, such as mmengine's HistoryBuffer, becomes an inert stand-in.

    Raises:
        CheckpointError: no such file, or not a checkpoint that can be read safely.
    """
    if '://' in str(path):
        raise CheckpointError(f'{path} is a URL: download the file, and give its path.')
    file = Path(str(path)).expanduser()
    if not file.is_file():
        raise CheckpointError(f'No such checkpoint file: {file} (seen from {Path.cwd()}).')
    mmap = zipfile.is_zipfile(file)
    stand_ins = {}
    while len(stand_ins) <= MAX_FOREIGN_CLASSES:
        try:
            with torch.serialization.safe_globals(list(stand_ins.values())):
                content = torch.load(file, map_location='cpu', weights_only=True, mmap=mmap)
            break
        except UnpicklingError as error:
            foreign = re.search(r'GLOBAL ([\w.]+) was not an allowed global', str(error))
            if foreign is None or foreign[1] in stand_ins:
                raise CheckpointError(_complaint(file, error)) from error
            stand_ins[foreign[1]] = _stand_in(foreign[1])
        except Exception as error:  # a damaged file makes the unpickler raise anything
            raise CheckpointError(_complaint(file, error)) from error
    else:
        raise CheckpointError(f'{file} names more than {MAX_FOREIGN_CLASSES} foreign classes.')
    if not isinstance(content, dict):
        raise CheckpointError(f'{file} holds a {type(content).__name__}; expected a dict of '
                              'tensors, or one with such a dict under `state_dict` or `model`.')
    return content


def _complaint(file: Path, error: Exception) -> str:
    """Why a file cannot be read, less torch's advice to read it with ``weights_only=False``."""
    blocked = re.search(r'GLOBAL (\S+) whose module', str(error))
    if blocked:
        return f'{file} cannot be read safely: to unpickle it is to call {blocked[1]}.'
    with file.open('rb') as content:
        start = content.read(32)
    return (f'{file} ({file.stat().st_size} bytes, the first are {start}) is no PyTorch '
            f'checkpoint, or a truncated or damaged one ({type(error).__name__}).')


def _stand_in(name: str) -> type:
    """An inert class under the full ``name`` by which the file asks for it."""
    module, _, attribute = name.rpartition('.')
    return type(attribute, (Inert, ), {'__module__': module or 'builtins'})
