"""Reading checkpoint files without ever running what they pickle."""

import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Optional

import torch
from safetensors.torch import load_file

from .errors import CheckpointError
from .folders import is_index, shards, weights_file

# More foreign classes than any known checkpoint holds (mmengine's run state has about ten).
MAX_FOREIGN_CLASSES = 64
# How many missing tensors an error names.
SHOWN = 6


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


def read_checkpoint(path: str) -> dict:
    """The content of a checkpoint (PyTorch's or safetensors), on the CPU.

    Only tensors and plain containers are rebuilt (``weights_only=True``). Any other class that the
    file names, such as mmengine's HistoryBuffer or argparse's Namespace, becomes an inert stand-in.

    Args:
        path: of a file, whatever its ending, of an index of several, or of a folder with either as
            the Hugging Face hub has them.

    Raises:
        CheckpointError: no such file, or not a checkpoint that can be read safely.
    """
    file = weights_file(Path(str(path)).expanduser())
    if not file.is_file():
        raise CheckpointError(f'No such checkpoint file: {file} (seen from {Path.cwd()}).')
    return _read_shards(file) if is_index(file) else _read_file(file)


def _read_shards(index: Path) -> dict:
    content = {}
    for part, names in shards(index).items():
        tensors = _read_file(part)
        missing = names - tensors.keys()
        if missing:
            raise CheckpointError(f'{part} lacks {len(missing)} tensors that {index.name} says are '
                                  f'in it: {", ".join(sorted(missing)[:SHOWN])}.')
        content.update(tensors)
    return content


def _read_file(file: Path) -> dict:
    content = _read_safetensors(file) if _of_safetensors(file) else _read_torch(file)
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


def _read_torch(file: Path) -> Any:
    """``torch.load``, with a stand-in for each foreign class, found by what torch refuses."""
    names = _names_in_zip(file)
    if _of_torchscript(names):  # torch before 2.6 would run it
        raise CheckpointError(_complaint(file, TypeError('TorchScript')))
    stand_ins = {}
    while len(stand_ins) <= MAX_FOREIGN_CLASSES:
        try:
            with torch.serialization.safe_globals(list(stand_ins.values())):
                return torch.load(file, map_location='cpu', weights_only=True,
                                  mmap=bool(names))
        except UnpicklingError as error:
            name, kind = _refused_class(error)
            if name is None or issubclass(stand_ins.get(name, object), kind):
                raise CheckpointError(_complaint(file, error)) from error
            stand_ins[name] = _stand_in(name, kind)
        except Exception as error:  # a damaged file makes the unpickler raise anything
            raise CheckpointError(_complaint(file, error)) from error
    raise CheckpointError(f'{file} names more than {MAX_FOREIGN_CLASSES} foreign classes.')


def _refused_class(error: UnpicklingError) -> tuple[Optional[str], type]:
    """The foreign class that torch's reader stumbled over, and the stand-in that it needs."""
    unknown = re.search(r'GLOBAL ([\w.]+) was not an allowed global', str(error))
    if unknown:
        return unknown[1], Inert
    filled = re.search(r"Can only SETITEMS? .* but got <class '([\w.]+)'>", str(error))
    return (filled[1] if filled else None), InertMapping


def _stand_in(name: str, kind: type) -> type:
    """An inert class under the full ``name`` by which the file asks for it."""
    module, _, attribute = name.rpartition('.')
    return type(attribute, (kind, ), {'__module__': module or 'builtins'})


def _complaint(file: Path, error: Exception) -> str:
    """Why a file cannot be read, less torch's advice to read it with ``weights_only=False``."""
    blocked = re.search(r'GLOBAL (\S+) whose module', str(error))
    if blocked:
        return f'{file} cannot be read safely: to unpickle it is to call {blocked[1]}.'
    start = _start(file)
    return (f'{file} ({file.stat().st_size} bytes, the first are {start[:32]}) is no checkpoint of '
            f'PyTorch or safetensors, or a truncated or damaged one ({type(error).__name__}).'
            f'{_likely_cause(file, start)}')


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
