"""How images are read that a user names by the path at which they lie."""

import os
import shlex
from pathlib import Path
from typing import Iterator, Optional

from ...errors import ConfigError, DataError
from ...names import command, printable
from ..image_files import is_hidden
from ..listing import count_images
from .lmdb_backend import DATA
from .tar_scan import find_shards, is_tar

SCHEMES = ('tar', 'lmdb')
TRAINING = 'train'
# Where train/ and val/ lie in what Kaggle's ImageNet unpacks to
KAGGLE = ('ILSVRC/Data/CLS-LOC', 'Data/CLS-LOC', 'CLS-LOC')
PACK = f'{command("pack")} {{source}} {{out}}'
INDEX = f'gunzip {{source}} && {command("index")} {{tar}}'
# Ending -> what makes it readable in any order, of what cannot be
ARCHIVES = {
    '.parquet': PACK, '.zip': PACK,
    '.tar.gz': INDEX, '.tgz': INDEX,
    '.tar.bz2': INDEX.replace('gunzip', 'bunzip2'),
    '.tar.xz': INDEX.replace('gunzip', 'unxz'),
    '.tar.zst': INDEX.replace('gunzip', 'unzstd'),
    '.arrow': "python -c 'import sys, datasets; datasets.load_from_disk(sys.argv[1])"
              ".to_parquet(sys.argv[2])' {source} {parquet} && "
              f'{command("pack")} {{parquet}} {{out}}',
}
DEPTH = 2  # folders in a folder that are searched for archives
LISTED = 1000  # entries of each that are looked at


def address_of(source: str, asked_by: str = 'The place of images') -> str:
    """The address that mmengine reads: ``source``, unless tars or a database lie there.

    A folder with images is a folder of images. Of Kaggle's ImageNet the folder with train/ and val/
    is taken, from whichever folder around it.

    Args:
        source: a folder, a tar, or an address (``tar://FOLDER``).
        asked_by: what the error names: the option, where there is one.

    Raises:
        ConfigError: an address of another scheme, or nothing.
        DataError: an archive, or a folder with nothing else, that cannot be read in any order; the
            message has the command that makes it so.
    """
    scheme, is_address, _ = source.partition('://')
    if not source or (is_address and scheme not in SCHEMES):
        raise ConfigError(f'{asked_by} expects a folder, a tar, tar://FOLDER or lmdb://FOLDER, got '
                          f'{source!r}.')
    if is_address:
        return source
    path = Path(source)
    if path.is_file():
        check_archive(path)
        return f'tar://{source}' if is_tar(path.name) else source
    for inside in KAGGLE:
        if (path / inside / TRAINING).is_dir():
            return f'{source}/{inside}'
    if not path.is_dir() or not os.access(path, os.R_OK) or count_images(path, 1):
        return source
    for folder in (path, path / TRAINING):
        if (folder / DATA).is_file():
            return f'lmdb://{source}'
        if find_shards(folder):
            return f'tar://{source}'
    for file in _files(path, DEPTH):
        check_archive(file, path)
    return source


def check_archive(file: Path, folder: Optional[Path] = None) -> None:
    """Refuse what cannot be read in any order.

    Args:
        file: by its ending an archive, or not.
        folder: that it lies in with others of its kind.

    Raises:
        DataError: it is one; the message has the command that packs it.
    """
    for ending, make in ARCHIVES.items():
        if not file.name.lower().endswith(ending):
            continue
        source = file
        if ending == '.arrow':
            source = file.parent
        elif ending == '.parquet' and folder:
            source = folder
        plain = str(source)[:-len(ending)] if source is file else str(source)
        told = make.format(source=shlex.quote(str(source)), out=shlex.quote(f'{plain}-packed'),
                           tar=shlex.quote(f'{plain}.tar'),
                           parquet=shlex.quote(f'{plain}.parquet'))
        reached = f'{plain}.tar' if '{tar}' in make else f'tar://{plain}-packed'
        raise DataError(
            f'{printable(source)}: images in {ending} cannot be read in any order, as training '
            f'needs it. Once:\n    {printable(told)}\nand then --data {printable(reached)}')


def _files(folder: Path, depth: int) -> Iterator[Path]:
    """Some files of a folder, and of those in it."""
    try:
        entries = sorted(folder.iterdir())[:LISTED]
    except OSError:
        return
    for entry in entries:
        if entry.is_file():
            yield entry
        elif depth and entry.is_dir() and not is_hidden(entry.name):
            yield from _files(entry, depth - 1)
