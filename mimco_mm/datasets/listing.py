"""The one listing of images: training, judging, packing and the tools find the same files."""

import os
from itertools import islice
from pathlib import Path
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Union

from mmengine.fileio import LocalBackend, get_file_backend

from ..errors import MissingFile
from .ignored import CLOSED, HIDDEN, LINK, LOOP, OUTSIDE, SPECIAL, Ignored
from .image_files import SUFFIXES, is_hidden, leads_out


class Listing(NamedTuple):
    """The images of a folder.

    Attributes:
        names: their paths in it, with ``/``, in order.
        folders: the folders that lie directly in it, with images or without, in order.
        ignored: what else there is.
    """

    names: List[str]
    folders: List[str]
    ignored: Ignored


def list_images(folder: Union[str, Path], suffixes: Sequence[str] = SUFFIXES) -> Listing:
    """List the images of a folder, at any depth and through links, or of a pack (tar://, lmdb://).

    Hidden files and folders, whose names begin with a dot, links to nothing, links that lead back
    to a folder around them, FIFOs and the like are left out and counted.

    Args:
        folder: a path, or an address that mmengine's file backends know.
        suffixes: the endings of images, in small letters.

    Raises:
        FileNotFoundError: there are none, or no such folder.
        OSError: the folder cannot be read.
    """
    suffixes = tuple(suffixes)
    backend = get_file_backend(str(folder), enable_singleton=True)
    listing = Listing([], [], Ignored())
    if isinstance(backend, LocalBackend):
        try:
            listing.names.extend(_walk(str(folder), suffixes, listing))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise no_images(folder, error.strerror, suffixes) from error
    else:
        _select(backend.list_dir_or_file(str(folder), list_dir=False, recursive=True), suffixes,
                listing)
    if not listing.names:
        raise no_images(folder, f'ignored: {listing.ignored}{listing.ignored.packs(folder)}',
                        suffixes)
    listing.names.sort()
    listing.folders.sort()
    return listing


def count_images(folder: Union[str, Path], most: int, suffixes: Sequence[str] = SUFFIXES) -> int:
    """Number of images of a folder, by ``list_images``; counting ends at ``most``.

    Raises:
        OSError: the folder cannot be read.
    """
    backend = get_file_backend(str(folder), enable_singleton=True)
    if isinstance(backend, LocalBackend):
        found = _walk(str(folder), tuple(suffixes), Listing([], [], Ignored()))
    else:
        found = (name for name in backend.list_dir_or_file(
            str(folder), list_dir=False, recursive=True)
            if not is_hidden(name) and name.lower().endswith(tuple(suffixes)))
    return sum(1 for _ in islice(found, most))


def find_images(folder: Union[str, Path]) -> List[str]:
    """Paths of all images under a folder, by ``list_images``."""
    return [os.path.join(folder, name) for name in list_images(folder).names]


def no_images(folder: Union[str, Path], reason: str,
              suffixes: Sequence[str] = SUFFIXES) -> MissingFile:
    return MissingFile(f'There are no images ({", ".join(sorted(suffixes))}) under {folder} '
                       f'(seen from {Path.cwd()}): {reason}')


def _select(names: Iterator[str], suffixes: Sequence[str], listing: Listing) -> None:
    """Add those of a pack's files that are images."""
    folders = set()
    for name in names:
        if is_hidden(name) or '//' in f'/{name}/':
            listing.ignored.others[OUTSIDE if leads_out(name) else HIDDEN] += 1
            continue
        if '/' in name:
            folders.add(name.partition('/')[0])
        if name.lower().endswith(suffixes):
            listing.names.append(name)
        else:
            listing.ignored.add_file(name)
    listing.folders.extend(folders)


def _walk(root: str, suffixes: Sequence[str], listing: Listing) -> Iterator[str]:
    """The images under a folder of this machine; all else is added to the listing.

    Only links cost a look at the file itself: ImageNet has 1.28 million files.
    """
    _, folders, ignored = listing
    todo = [(root, '', (os.path.realpath(root), ))]  # path, name, real folders that led there
    while todo:
        path, prefix, trail = todo.pop()
        try:
            entries = list(os.scandir(path))
        except OSError:
            if not prefix:
                raise
            ignored.others[CLOSED] += 1
            continue
        for entry in entries:
            name = prefix + entry.name
            image = entry.name.lower().endswith(suffixes)
            if is_hidden(entry.name):
                ignored.others[HIDDEN] += 1
            elif image and _is(entry.is_file):
                yield name
            elif _is(entry.is_dir):
                inner = _follow(entry, trail)
                if inner is None:
                    ignored.others[LOOP] += 1
                    continue
                todo.append((entry.path, f'{name}/', inner))
                if not prefix:
                    folders.append(name)
            elif not image and _is(entry.is_file):
                ignored.add_file(entry.name)
            else:
                ignored.others[LINK if entry.is_symlink() and not os.path.exists(entry.path)
                               else SPECIAL] += 1


def _is(test: Callable[[], bool]) -> bool:
    """What a test of a directory's entry says; no, of a link in a circle, say."""
    try:
        return test()
    except OSError:
        return False


def _follow(entry: os.DirEntry, trail: tuple) -> Optional[tuple]:
    """``trail`` into a folder; None if a link leads back to a folder that it was reached through.

    The trail has the real path of each link's target and, last, of the folder where we are.
    """
    if not entry.is_symlink():
        return (*trail[:-1], os.path.join(trail[-1], entry.name))
    target = os.path.realpath(entry.path)
    if any(f'{real}/'.startswith(f'{target.rstrip("/")}/') for real in trail):
        return None
    return (*trail, target)
