"""Bad images and damaged storages, as outcomes: each is read, replaced, left out or refused."""

import re
from collections.abc import Iterator
from pathlib import Path

from . import images, storages
from .outcome import Outcome

ENDS = re.compile(r'(read|replaced|not listed|refused|\d+ read(?:, \d+ replaced)?)')
KINDS = dict(image='image', tar='tar shards and their index', lmdb='LMDB')


def run(folder: Path) -> Iterator[Outcome]:
    """Every image and every storage."""
    folder.mkdir(parents=True)
    for kind, name, told in (*images.run(folder / 'images'), *storages.run(folder / 'storages')):
        end = ENDS.match(told)
        survived = bool(end) and 'LEAKS' not in told
        what = re.sub(r'\d+ ', '', end[1]) if survived else told[:80]
        yield Outcome(KINDS[kind], name, survived, 'read' if name == 'whole' else what)
