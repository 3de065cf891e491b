"""The images that similar ones are looked for among: of a folder, a pack, a file of features."""

import os
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

import torch

from ..datasets import address_of
from ..embedding import FORMATS, Images, list_source, path_of, read_features
from ..errors import ConfigError, MissingFile
from ..names import printable


class Bank(NamedTuple):
    """The images that are searched.

    Attributes:
        address: where they lie, from the root.
        paths: (N,).
        rows: path -> its place in ``paths``.
        classes: of each; None of those without one.
        features: (N, C); None before a network has seen them.
        identity: what the features of a file are of; empty without one.
    """

    address: str
    paths: List[str]
    rows: Dict[str, int]
    classes: List[Optional[str]]
    features: Optional[torch.Tensor]
    identity: dict

    def find(self, text: str) -> str:
        """The path of a query: of an image among these, by its path there, or of any other file.

        Raises:
            ConfigError: there is no such image, or an address of another scheme.
        """
        inside = path_of(self.address, text)
        if inside in self.rows:
            return inside
        if '://' in text:
            return address_of(text, f'--queries {printable(text)}')
        if os.path.isfile(text):
            return os.path.abspath(text)
        raise ConfigError(f'The query {printable(text)} is no image: there is none of this name '
                          f'in {printable(self.address)}, nor a file '
                          f'{printable(os.path.abspath(text))}.')

    def same_class(self, query: str, row: int) -> Optional[bool]:
        """Whether an image has a query's class; None where one of them has none."""
        own = self.classes[self.rows[query]] if query in self.rows else None
        return None if None in (own, self.classes[row]) else own == self.classes[row]


def load_bank(data: str) -> Bank:
    """The images of a folder or a pack, or those that a file of features is of.

    Raises:
        UserError: there are none.
    """
    if Path(data).suffix in FORMATS and not Path(data).is_dir():
        stored = read_features(data)
        identity = stored.about['identity']
        paths = [path_of(identity['images'], name) for name in stored.files]
        return Bank(identity['images'], paths, numbered(paths), stored.classes,
                    torch.from_numpy(stored.features), identity)
    return list_bank(data)


def list_bank(source: str) -> Bank:
    """The images of a folder, a tar, or an address."""
    images = images_of(source)
    return Bank(images.address, images.paths, numbered(images.paths), images.classes, None, {})


def images_of(data: str) -> Images:
    """What ``--data`` names, see ``list_source``."""
    try:
        return list_source(data)
    except MissingFile as error:
        raise MissingFile(f'{error}. Other images go by --data.') from error


def numbered(paths: List[str]) -> Dict[str, int]:
    return {path: row for row, path in enumerate(paths)}
