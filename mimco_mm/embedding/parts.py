"""What an interrupted run goes on from: the features of images in a row, a file for so many."""

import json
import shutil
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional

import numpy as np

from ..checkpoints import remove_abandoned, write_whole
from ..records import RecordError, stored_record, write_json

LEAST, MOST, MOST_MAPS = 16, 1024, 256  # images of a part
SHARES = 64  # parts, where there are so many images


class Part(NamedTuple):
    """Some images.

    Attributes:
        rows: (n,), their places in the list of all; without those that cannot be read.
        features: (n, C), float32.
        maps: (n, C, h, w), float32, if they are kept.
        broken: path -> why an image of the part cannot be read.
    """

    rows: np.ndarray
    features: np.ndarray
    maps: Optional[np.ndarray]
    broken: Dict[str, str]


class Parts:
    """The parts of a run, in a folder that is kept to what ``identity`` says.

    A part is there as a whole, or not at all. Which images it has does not depend on the number of
    processes nor on the batches, so that both may change when a run goes on.

    Args:
        folder: made if it is not there.
        identity: what the features are of.
        count: images.
        maps: whether maps are kept, which are large.

    Raises:
        RecordError: the folder is of something else.
    """

    def __init__(self, folder: Path, identity: dict, count: int, maps: bool) -> None:
        self.folder, self.count = folder, count
        size = min(MOST_MAPS if maps else MOST, max(LEAST, count // SHARES))
        record = stored_record(folder / 'run.json', identity, (
            f'Remove {folder} to begin anew, or give another --out.'))
        if record is None:
            record = dict(identity=identity, size=size)
            write_json(folder / 'run.json', record)
        self.size = record['size']
        remove_abandoned(folder)

    def rows(self, number: int) -> range:
        """The rows of a part, with those that cannot be read."""
        return range(number * self.size, min((number + 1) * self.size, self.count))

    def file(self, number: int) -> Path:
        return self.folder / f'part_{number:06d}.npz'

    def numbers(self) -> range:
        return range(-(-self.count // self.size))

    def missing(self) -> List[int]:
        return [number for number in self.numbers() if not self.file(number).is_file()]

    def present(self) -> List[int]:
        return [number for number in self.numbers() if self.file(number).is_file()]

    def write(self, number: int, part: Part) -> None:
        content = dict(rows=part.rows, features=part.features,
                       broken=np.array(json.dumps(part.broken)))
        if part.maps is not None:
            content['maps'] = part.maps

        def save(path: Path) -> None:
            with path.open('wb') as file:  # given a name, numpy would add an ending
                np.savez(file, **content)

        write_whole({self.file(number): save}, sum(one.nbytes for one in content.values()))

    def read(self, number: int, maps: bool) -> Part:
        """A part, with its maps or without.

        Raises:
            RecordError: the file is damaged.
        """
        file = self.file(number)
        try:
            with np.load(file, allow_pickle=False) as content:
                return Part(content['rows'], content['features'],
                            content['maps'] if maps and 'maps' in content else None,
                            json.loads(str(content['broken'])))
        except Exception as error:  # numpy and zipfile raise anything of a damaged file
            raise RecordError(f'{file} is damaged ({type(error).__name__}: {error}): remove it, '
                              'and run the command again.') from error

    def each(self, maps: bool = False) -> Iterator[Part]:
        """Part after part, of which one at a time is in memory."""
        return (self.read(number, maps) for number in self.numbers())

    def remove(self) -> None:
        shutil.rmtree(self.folder)
