"""Checkpoints by URL: downloaded once, kept, and checked."""

import hashlib
import logging
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Iterator, NamedTuple, Optional, Tuple
from urllib.parse import unquote, urlsplit
from urllib.request import urlretrieve

import torch
from filelock import FileLock
from mmengine.logging import print_log
from torch.hub import tqdm

from .errors import CheckpointError
from .first_hash import memory_of, remember, remembered
from .folders import parts_of, weights_file
from .hub import is_address, weights_of
from .reading import is_web_page

# As OpenMMLab and torchvision name their files: what follows the last dash begins the sha256,
# unless it is a date.
HASH_IN_NAME = re.compile(r'-(?!20\d\d[01]\d[0-3]\d\.)([0-9a-f]{8,64})\.\w+$')


class LocalFile(NamedTuple):
    """A checkpoint on this machine, and its sha256 as 64 hex digits."""

    path: str
    sha256: str


def local_file(checkpoint: str, sha256: Optional[str] = None, if_missing: str = '') -> LocalFile:
    """A checkpoint on this machine; what a URL names is downloaded if need be.

    Downloads are kept under torch's hub folder (``TORCH_HOME``), each URL in a folder of its own,
    for many releases share one file name. One process downloads, others wait for it, on another
    machine with the same folder too. The sha256 of the first one is kept beside it, and compared
    ever after, where no other is known.

    Args:
        checkpoint: a path, of a folder of the Hugging Face hub too, an http, https or file URL, or
            an address, see ``hub``.
        sha256: what the file's sha256 must begin with, if it is known. For a URL without one, the
            hash in the file's name counts (``...-08bc52f7.pth``).
        if_missing: what the error is to say where there is no such file.

    Raises:
        CheckpointError: not there, unreachable, or another file than the one with this sha256.
    """
    if is_address(checkpoint):
        checkpoint = weights_of(checkpoint)
    file, mend, of_url = Path(str(checkpoint)).expanduser(), 'Check where it came from.', False
    if '://' in str(checkpoint):
        file, sha256 = downloaded(checkpoint, sha256)
        mend, of_url = 'Delete it to download it again.', True
    file = weights_file(file)
    if not file.is_file():
        raise CheckpointError(f'No such checkpoint file: {file} (seen from {Path.cwd()}). '
                              f'{if_missing}'.rstrip())
    found = sha256_of(*parts_of(file))
    if sha256 and not found.startswith(sha256.lower()):
        raise CheckpointError(f'{file} has the sha256 {found}, expected {sha256}: it is another '
                              f'file, or a damaged one. {mend}')
    if of_url:
        remember(file, found)
    return LocalFile(str(file), found)


def downloaded(url: str, sha256: Optional[str]) -> Tuple[Path, Optional[str]]:
    """Where the file of a URL is kept, after its download, and what its sha256 must begin with."""
    try:
        scheme, _, path, *_ = urlsplit(url)
    except ValueError as error:
        raise CheckpointError(f'{url} is no URL ({error}).') from error
    if scheme not in ('http', 'https', 'file'):
        raise CheckpointError(f'{url}: paths, and http, https and file URLs can be read, not '
                              f'{scheme}. Download it, and give its path.')
    folder = hashlib.sha256(url.encode()).hexdigest()[:12]
    file = (Path(torch.hub.get_dir()) / 'checkpoints' / 'mimco_mm' / folder
            / Path(unquote(path)).name)
    in_name = HASH_IN_NAME.search(file.name)
    known = sha256 or (in_name[1] if in_name else None)
    if scheme == 'http' and known is None:
        print_log(f'{url} comes over an open line, where it can be exchanged: name its hash by '
                  '`sha256` beside `checkpoint` in the config.', 'current', logging.WARNING)
    if not file.is_file():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with one_at_a_time(file):
                if not file.is_file():
                    download(url, file, known)
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(
                f'{url} cannot be downloaded ({error}). On a machine without a network, download '
                f"it elsewhere and give its path, or put it at {file}. (A teacher's path: "
                '--teacher FILE.)') from error
    return file, known or remembered(file)


@contextmanager
def one_at_a_time(file: Path) -> Iterator[None]:
    """Let one process work on a file, of all that see its folder; one that dies lets go."""
    lock = FileLock(f'{file}.lock')
    try:
        lock.acquire()
    except (OSError, NotImplementedError):  # no locks in this file system: each fetches a copy
        pass
    try:
        yield
    finally:
        lock.release()


def download(url: str, file: Path, known: Optional[str]) -> None:
    """Fetch a URL; ``file`` is there as a whole and as it is ``known``, or not at all."""
    handle, name = tempfile.mkstemp('.partial', f'{file.name}.', file.parent)
    os.close(handle)
    partial = Path(name)  # of this process alone
    print(f'Downloading {url}', flush=True)
    try:
        with tqdm(desc=file.name, unit='B', unit_scale=True, unit_divisor=1024,
                  disable=not sys.stderr.isatty()) as bar:

            def show(blocks: int, size: int, total: int) -> None:
                bar.total = max(total, 0) or None
                bar.update(min(blocks * size, bar.total or blocks * size) - bar.n)

            urlretrieve(url, partial, show)  # fails if the transfer breaks off
        with partial.open('rb') as content:
            if is_web_page(content.read(32)):
                raise CheckpointError(f'{url} gave a web page, not a checkpoint: take the link of '
                                      'the file itself.')
        check_download(url, file, sha256_of(partial), known)
        partial.chmod(0o666 & ~umask())
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def check_download(url: str, file: Path, found: str, known: Optional[str]) -> None:
    """Raise CheckpointError where a URL gave another file than is known, or than it did before."""
    first = remembered(file)
    if known and not found.startswith(known.lower()):
        raise CheckpointError(f'{url} gave a file with the sha256 {found}, expected {known}: it is '
                              'another file, or a damaged one, and was not kept. Check the '
                              'address, and the `sha256` beside it.')
    if not known and first not in (None, found):
        raise CheckpointError(f'{url} gave a file with the sha256 {found}, and one with {first} '
                              'before: the release was exchanged, and was not kept. To take it '
                              f'nonetheless, delete {memory_of(file)}.')
    if known:
        memory_of(file).unlink(missing_ok=True)


def umask() -> int:
    """The mask that keeps permissions from new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256_of(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        with open(file, 'rb') as content:
            for block in iter(lambda: content.read(1 << 20), b''):
                digest.update(block)
    return digest.hexdigest()
