"""The classes of ImageNet's validation images, which come without folders: in lists beside them."""

import csv
import os
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from ..names import printable
from .class_names import LabelError
from .image_files import is_hidden, leads_out

SOLUTION = 'LOC_val_solution.csv'  # Kaggle's; four folders above ILSVRC/Data/CLS-LOC/val
DEVKIT = 'ILSVRC2012_devkit_t12.tar.gz'  # image-net.org's, beside ILSVRC2012_img_val.tar
ABOVE = 4
MAX_BYTES = 2**26  # of what is unpacked from the development kit, which has 8 MB
TRUTH, SYNSETS = 'ILSVRC2012_validation_ground_truth.txt', 'meta.mat'


class ValidationClasses(NamedTuple):
    """Classes of the validation images.

    Attributes:
        source: the list that tells them.
        names: image, without its ending -> its class (n01440764).
    """

    source: Path
    names: Dict[str, str]


def validation_classes(folder: str) -> Optional[ValidationClasses]:
    """Read the list of classes that lies in a folder of validation images, or above it.

    Args:
        folder: a path, or an address of packed images (``tar://FOLDER/val``).

    Returns:
        The classes; None without a list.

    Raises:
        LabelError: a list that cannot be read.
    """
    path = Path(os.path.abspath(os.path.expanduser(folder.rpartition('://')[2])))
    for place in (path, *path.parents[:ABOVE]):
        for name, read in ((SOLUTION, _of_solution), (DEVKIT, _of_devkit)):
            source = place / name
            if not os.path.isfile(source):
                continue
            try:
                names = read(source)
            except Exception as error:  # csv, tarfile and scipy raise anything of a damaged file
                raise LabelError(
                    f'{source} is damaged, or no list of the classes of the validation images of '
                    f'ImageNet ({type(error).__name__}: {printable(error)}): download it again.'
                    ) from error
            return ValidationClasses(source, names)
    return None


def _of_solution(path: Path) -> Dict[str, str]:
    """From lines IMAGE,CLASS BOX ..."""
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    return _checked({row['ImageId']: row['PredictionString'].split()[0] for row in rows})


def _of_devkit(path: Path) -> Dict[str, str]:
    """From ranks of the validation images' classes, and which class has which."""
    from scipy.io import loadmat
    with tarfile.open(path, 'r:gz') as tar:
        found = {}
        for member in tar:
            if member.offset_data + max(member.size, 0) > MAX_BYTES:
                raise tarfile.ReadError(f'more than {MAX_BYTES} bytes')
            name = member.name.rpartition('/')[2]
            if name in (TRUTH, SYNSETS) and member.isreg():
                found[name] = tar.extractfile(member).read()
    synsets = loadmat(BytesIO(found[SYNSETS]), squeeze_me=True, variable_names=['synsets'])[
        'synsets']
    wnids = {int(row['ILSVRC2012_ID']): str(row['WNID']) for row in synsets}
    ranks: List[int] = [int(line) for line in found[TRUTH].split()]
    return _checked({f'ILSVRC2012_val_{number:08d}': wnids[rank]
                     for number, rank in enumerate(ranks, 1)})


def _checked(names: Dict[str, str]) -> Dict[str, str]:
    bad = [name for name in set(names.values()) if is_hidden(name) or leads_out(name)]
    if bad or not names:
        raise ValueError(f'{bad[0]!r} is no class' if bad else 'it is empty')
    return names
