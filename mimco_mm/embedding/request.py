"""What is asked for, and whether it can be had."""

import os
from numbers import Integral
from pathlib import Path
from typing import NamedTuple, Optional

from ..errors import ConfigError
from .formats import check_format

LEAST = dict(img_size=1, heads=1, batch_size=1, num_workers=0)
OPTIONAL = ('img_size', 'heads')


class EmbedRequest(NamedTuple):
    """The options of tools/embed.py, by their names there."""

    checkpoint: str
    images: str
    out: Path
    patches: bool = False
    img_size: Optional[int] = None
    heads: Optional[int] = None
    batch_size: int = 64
    num_workers: int = min(4, os.cpu_count() or 1)


def check_request(request: EmbedRequest) -> None:
    """Raises UserError: a value that cannot be, or nothing can be written as it is asked for."""
    for name, least in LEAST.items():
        value = getattr(request, name)
        if value is None and name in OPTIONAL:
            continue
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ConfigError(f'{name} expects a whole number from {least} on'
                              f'{", or None" * (name in OPTIONAL)}, got {value!r}.')
    if not isinstance(request.patches, bool):
        raise ConfigError(f'patches expects True or False, got {request.patches!r}.')
    check_format(request.out, request.patches)
