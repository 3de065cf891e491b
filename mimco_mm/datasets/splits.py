"""Which part of a dataset a file holds, by its name, where all parts lie in one folder."""

import re
from typing import Dict, Optional, Sequence

from ..errors import DataError
from ..names import printable

# Words of names -> the folder of the part in our layouts
WORDS = dict(train='train', training='train', val='val', valid='val', validation='val',
             test='test')


def split_of(name: str) -> Optional[str]:
    """train, val or test, by the last word of a path that says so; None without such a word."""
    words = re.findall('[a-z]+', name.lower())
    return next((WORDS[word] for word in reversed(words) if word in WORDS), None)


def split_folders(names: Sequence[str]) -> Dict[str, str]:
    """The folder of each file's images: ``train/`` and so on where parts lie together, else ''.

    Args:
        names: of files, such as imagenet1k-train-0000.tar or data/test-00000-of-00001.parquet.

    Raises:
        DataError: parts lie together, and a file does not tell to which of them it belongs.
    """
    found = {name: split_of(name) for name in names}
    splits = sorted({split for split in found.values() if split})
    if len(splits) < 2:
        return dict.fromkeys(names, '')
    unclear = [name for name, split in found.items() if split is None]
    if unclear:
        raise DataError(
            f'The names tell parts of a dataset ({", ".join(splits)}), but {len(unclear)} of '
            f'{len(names)} do not, such as {printable(unclear[0])}: rename it, e.g. '
            f'train-{printable(unclear[0].rpartition("/")[2])}, or move it to a folder of its own.')
    return {name: f'{split}/' for name, split in found.items()}
