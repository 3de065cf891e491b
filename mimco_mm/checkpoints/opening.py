from pathlib import Path
from typing import NamedTuple, Optional

from .download import local_file
from .errors import CheckpointError
from .folders import CONFIG, config_of
from .reading import read_checkpoint
from .releases import Found, find_backbone


class Opened(NamedTuple):
    """The backbone of a checkpoint.

    Attributes:
        found: as in the file, in mmpretrain's names.
        sha256: of the file, or of an index and all files that it names.
        meta: what the file says of itself, and under 'config.json' what the file beside it says.
        content: all that the file holds.
    """

    found: Found
    sha256: str
    meta: dict
    content: dict


def open_backbone(checkpoint: str, sha256: Optional[str] = None, if_missing: str = '') -> Opened:
    """Read a checkpoint: a file, an index, a folder of the Hugging Face hub, or a URL of a file.

    Args and errors are those of ``local_file``, ``read_checkpoint`` and ``find_backbone``.
    """
    file = local_file(checkpoint, sha256, if_missing)
    content = read_checkpoint(file.path)
    meta = content.get('meta')
    try:
        found = find_backbone(content)
    except CheckpointError as error:
        raise CheckpointError(f'{file.path}: {error}') from error
    about = {**(meta if isinstance(meta, dict) else {}), CONFIG: config_of(Path(file.path))}
    return Opened(found, file.sha256, about, content)
