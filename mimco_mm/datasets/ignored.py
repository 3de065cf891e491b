"""What a listing of images leaves out, counted."""

import os
from collections import Counter
from pathlib import Path
from typing import Union

HIDDEN, LINK, LOOP = 'hidden', 'dangling links', 'links to a folder around them'
SPECIAL, CLOSED = 'neither files nor folders', 'unreadable folders'
OUTSIDE = 'names that lead out of the folder'  # in packs, which anybody may have made
REPLACED = 'replaced by a later one of the same name'  # in archives, which may have both
SHOWN = 5  # endings that are named
PACKS = {'.tar': 'tar', '.mdb': 'lmdb'}  # endings of packed images, and how they are read


class Ignored:
    """What a listing leaves out, for the user to read (``str``).

    Attributes:
        endings: files of other endings: ending -> count.
        others: all else: what (``HIDDEN``, ``LINK``, ...) -> count. A hidden or unreadable folder
            is one, whatever lies in it.
    """

    def __init__(self) -> None:
        self.endings: Counter = Counter()
        self.others: Counter = Counter()

    def add_file(self, name: str) -> None:
        """Count a file of another ending."""
        ending = os.path.splitext(name)[1][1:].lower()
        # what is no word, such as bytes that are no UTF-8, must not get into a log
        self.endings[f'.{ending}' if ending.isalnum() else 'none'] += 1

    def packs(self, folder: Union[str, Path]) -> str:
        """A sentence on how packs that were left out of a folder are read; '' without any."""
        found = [f'{scheme}://{folder}' for ending, scheme in PACKS.items() if self.endings[ending]]
        return f'. Packed images are read by {" and ".join(found)}' * bool(found)

    def __bool__(self) -> bool:
        return bool(self.endings or self.others)

    def __str__(self) -> str:
        parts = [f'{what}: {count}' for what, count in sorted(self.others.items())]
        if self.endings:
            common = sorted(self.endings.items(), key=lambda item: (-item[1], item[0]))
            named = [f'{ending} {count}' for ending, count in common[:SHOWN]]
            more = [f'{len(self.endings) - SHOWN} more'] * (len(self.endings) > SHOWN)
            parts.insert(0, f'files of other endings: {sum(self.endings.values())} '
                            f'({", ".join(named + more)})')
        return ', '.join(parts) or 'nothing'
