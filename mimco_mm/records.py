"""What stands beside a result: how it was made, what of, and whether it may be used again."""

import hashlib
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import torch
from mmengine.config import Config

from .checkpoints import write_text
from .errors import UserError
from .names import counted, printable
from .version import __version__

SHOWN = 6  # differences that an error tells


class RecordError(UserError, RuntimeError):
    """What is stored is of something else; the message says what differs, and what to do."""


def write_json(file: Path, content: Any) -> None:
    """Write a JSON file, which is there as a whole or not at all."""
    write_text(file, json.dumps(content, indent=2, default=str) + '\n')


def read_json(file: Path) -> dict:
    """Raises RecordError where the file is damaged, or holds no JSON object."""
    try:
        content = json.loads(file.read_text())
        if not isinstance(content, dict):
            raise ValueError(f'a JSON object is expected, not {type(content).__name__}')
    except ValueError as error:
        raise RecordError(f'{file} is damaged ({error}): remove it, and what was measured beside '
                          'it.') from error
    return content


def as_json(content: Any) -> Any:
    """What ``read_json`` makes of what ``write_json`` is given."""
    return json.loads(json.dumps(content, default=str))


def stored_record(file: Path, identity: dict, mend: str) -> Optional[dict]:
    """The record of a result that may be used again: one that is of the same as ``identity``.

    Args:
        file: ``write_json`` wrote it, with a key 'identity', into the folder of the result.
        identity: what the result is of: hashes, options, data.
        mend: what the error says is to be done.

    Returns:
        None where there is no result yet: the folder is empty, or not there.

    Raises:
        RecordError: the folder holds something else, or what nothing is told of.
    """
    if not file.is_file():
        beside = list(file.parent.iterdir()) if file.parent.is_dir() else []
        if any(path.suffix != '.partial' for path in beside):
            raise RecordError(f'{file.parent} holds files, and no {file.name} that says what they '
                              f'are of. {mend}')
        return None
    record = read_json(file)
    if 'identity' not in record:
        raise RecordError(f'{file} is of an older version, and does not say enough of what the '
                          f'results beside it are of. {mend}')
    told = differences(record['identity'], as_json(identity))
    if told:
        more = f'; and {len(told) - SHOWN} more' if len(told) > SHOWN else ''
        raise RecordError(f'{file.parent} holds results of something else: '
                          f'{"; ".join(told[:SHOWN])}{more}. {mend}')
    return record


def claim(file: Path, identity: dict, mend: str) -> None:
    """Keep a folder to one thing, whose identity ``file`` in it has, from now on at the latest.

    Raises:
        RecordError: see ``stored_record``.
    """
    if stored_record(file, identity, mend) is None:
        write_json(file, dict(identity=identity))


def differences(stored: Any, wanted: Any, key: str = '') -> List[str]:
    """'a.b was 1, now is 2' for each value of two nested dicts that is not the same."""
    if not isinstance(stored, dict) or not isinstance(wanted, dict):
        return [] if stored == wanted else [f'{key} was {stored!r}, now is {wanted!r}']
    found = []
    for name in {**stored, **wanted}:
        found += differences(stored.get(name), wanted.get(name), f'{key}.{name}'.lstrip('.'))
    return found


def folder_identity(root: Path, parts: Sequence[str] = ('train', 'test')) -> dict:
    """What tells folders of images from others, or from themselves before a change.

    Returns:
        number of files in these parts of root, and a hash of their names and sizes; hidden ones do
        not count.
    """
    digest, count, seen = hashlib.sha256(), 0, set()
    for folder, folders, names in (found for part in parts
                                   for found in os.walk(root / part, followlinks=True)):
        if os.path.realpath(folder) in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(os.path.realpath(folder))
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in sorted(name for name in names if not name.startswith('.')):
            path = os.path.join(folder, name)
            size = os.path.getsize(path) if os.path.isfile(path) else -1
            digest.update(f'{os.path.relpath(path, root)}\0{size}\0'.encode(
                errors='surrogateescape'))
            count += 1
    return dict(files=count, sha256=digest.hexdigest())


def config_sha256(file: Path) -> str:
    """Hash of all values of a config, inherited ones too."""
    return values_sha256(Config.fromfile(file))


def values_sha256(cfg: Config) -> str:
    content = json.dumps(cfg.to_dict(), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def write_result(file: Path, benchmark: str, config: str, checkpoint: str, sha256: str,
                 **content: Any) -> None:
    """Write what was measured of a checkpoint, and how, as the reports read it."""
    write_json(file, dict(
        benchmark=benchmark, config=config, checkpoint=checkpoint, checkpoint_sha256=sha256,
        command=shlex.join([sys.executable, *sys.argv]), **content))


def write_record(picture: Path, **content: Any) -> Path:
    """Write what a picture is of beside it, as JSON of its name, with command and versions."""
    file = picture.with_suffix('.json')
    write_json(file, {**made_by(), **content})
    return file


def is_record(file: Path) -> bool:
    """Whether ``write_record`` wrote a file."""
    try:
        return made_by().keys() <= read_json(file).keys()
    except (RecordError, OSError):
        return False


def made_by() -> dict:
    """The command and the versions that a result is of."""
    return dict(command=shlex.join([sys.executable, *sys.argv]),
                versions=dict(mimco_mm=__version__, torch=torch.__version__))


def skipped(broken: Dict[str, str], shown: int = 3) -> str:
    """A line on the images, path -> reason, that cannot be read."""
    if not broken:
        return 'all images could be read'
    return (f'{counted(len(broken), "image")} could not be read and left out: '
            f'{", ".join(map(printable, list(broken)[:shown]))}{" ..." * (len(broken) > shown)}')
