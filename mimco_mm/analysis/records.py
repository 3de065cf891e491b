"""What stands beside a result: how it was made, what of, and whether it may be used again."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch

from ..version import __version__

SHOWN = 6  # differences that an error tells


class RecordError(RuntimeError):
    """What is stored is of something else; the message says what differs, and what to do."""


def write_json(file: Path, content: Any) -> None:
    """Write a JSON file, which is there as a whole or not at all."""
    partial = file.with_name(f'{file.name}.partial')
    partial.write_text(json.dumps(content, indent=2, default=str) + '\n')
    os.replace(partial, file)


def read_json(file: Path) -> dict:
    """Raises RecordError where the file is damaged."""
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise RecordError(f'{file} is damaged ({error}): remove it, and what was measured beside '
                          'it.') from error


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
        if file.parent.is_dir() and any(file.parent.iterdir()):
            raise RecordError(f'{file.parent} holds files, and no {file.name} that says what they '
                              f'are of. {mend}')
        return None
    record = read_json(file)
    told = differences(record.get('identity'), json.loads(json.dumps(identity, default=str)))
    if told:
        more = f'; and {len(told) - SHOWN} more' if len(told) > SHOWN else ''
        raise RecordError(f'{file.parent} holds results of something else: '
                          f'{"; ".join(told[:SHOWN])}{more}. {mend}')
    return record


def differences(stored: Any, wanted: Any, key: str = '') -> List[str]:
    """'a.b was 1, now is 2' for each value of two nested dicts that is not the same."""
    if not isinstance(stored, dict) or not isinstance(wanted, dict):
        return [] if stored == wanted else [f'{key} was {stored!r}, now is {wanted!r}']
    found = []
    for name in {**stored, **wanted}:
        found += differences(stored.get(name), wanted.get(name), f'{key}.{name}'.lstrip('.'))
    return found


def write_record(picture: Path, **content: Any) -> Path:
    """Write what a picture is of beside it, as JSON of its name, with command and versions."""
    file = picture.with_suffix('.json')
    write_json(file, dict(
        command=shlex.join([sys.executable, *sys.argv]),
        versions=dict(mimco_mm=__version__, torch=torch.__version__),
        **content))
    return file


def skipped(broken: Dict[str, str], shown: int = 3) -> str:
    """A line on the images, path -> reason, that cannot be read."""
    if not broken:
        return 'all images could be read'
    return (f'{len(broken)} images cannot be read and were skipped: '
            f'{", ".join(list(broken)[:shown])}{" ..." * (len(broken) > shown)}')
