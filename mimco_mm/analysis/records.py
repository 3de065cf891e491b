"""What stands beside a picture: how it was made, and what was left out."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any, Dict

import torch

from ..names import printable
from ..version import __version__


def write_record(picture: Path, **content: Any) -> Path:
    """Write what a picture is of beside it, as JSON of its name, with command and versions."""
    file = picture.with_suffix('.json')
    file.write_text(json.dumps(dict(
        command=shlex.join([sys.executable, *sys.argv]),
        versions=dict(mimco_mm=__version__, torch=torch.__version__),
        **content), indent=2, default=str) + '\n')
    return file


def skipped(broken: Dict[str, str], shown: int = 3) -> str:
    """A line on the images, path -> reason, that cannot be read."""
    if not broken:
        return 'all images could be read'
    return (f'{len(broken)} images cannot be read and were skipped: '
            f'{", ".join(map(printable, list(broken)[:shown]))}{" ..." * (len(broken) > shown)}')
