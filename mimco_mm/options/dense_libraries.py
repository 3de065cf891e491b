"""What is said where the libraries of COCO's and ADE20K's transfers are not installed."""

import re
from contextlib import contextmanager
from typing import Iterator

from ..errors import ConfigError

# as Python and mmengine name what is not there
DENSE = re.compile(r"^(?:No module named ')?(mmdet|mmseg|mmcv(?=\._ext|\.ops)|pycocotools)")
INSTALL = 'tools/setup_env.sh tests'


@contextmanager
def dense_told(what: str) -> Iterator[None]:
    """Let an import of mmdet, mmseg or mmcv's compiled ops that fails name the command to mend it.

    Args:
        what: needs them.

    Raises:
        ConfigError: one is not there.
    """
    try:
        yield
    except ImportError as error:
        lacks = DENSE.match(str(error))
        if lacks is None:
            raise
        package = "mmcv's compiled ops" if lacks[1] == 'mmcv' else lacks[1]
        raise ConfigError(f'{what} needs {package}: {INSTALL}') from error
