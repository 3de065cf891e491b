"""The images that features are of: where they lie, their names and classes."""

import hashlib
import os
from typing import Iterable, List, NamedTuple, Optional

from ..datasets import address_of, find_classes, list_images
from ..datasets.ignored import Ignored


class Images(NamedTuple):
    """The images of a folder or a pack, in the order of their names.

    Attributes:
        address: where they lie, from the root; mmengine's file backends read it.
        names: paths in it.
        classes: of each; None of those without one.
        ignored: what else lies there.
    """

    address: str
    names: List[str]
    classes: List[Optional[str]]
    ignored: Ignored

    def path(self, row: int) -> str:
        return path_of(self.address, self.names[row])

    @property
    def paths(self) -> List[str]:
        return [self.path(row) for row in range(len(self.names))]

    @property
    def identity(self) -> dict:
        """Where they lie, how many they are, and hashes of their names and classes, in order."""
        return dict(images=self.address, count=len(self.names), names_sha256=_sha256(self.names),
                    classes_sha256=_sha256(of or '' for of in self.classes))


def _sha256(texts: Iterable[str]) -> str:
    return hashlib.sha256('\0'.join(texts).encode(errors='surrogateescape')).hexdigest()


def path_of(address: str, name: str) -> str:
    """The path of one image of a folder or a pack."""
    return f'{address.rstrip("/")}/{name}'


def list_source(source: str) -> Images:
    """List what a user names: a folder, a tar, or an address (``tar://``, ``lmdb://``).

    The class of an image is the folder directly in ``source`` that it lies in; ImageNet's
    validation images have those of the list beside them.

    Raises:
        UserError: no images, or such that cannot be read in any order; says what to do.
    """
    scheme, colon, path = address_of(source).rpartition('://')
    address = f'{scheme}{colon}{os.path.abspath(path)}'
    names, folders, ignored = list_images(address)
    classes = find_classes(address, names, folders).of
    return Images(address, names, [classes.get(name) for name in names], ignored)
