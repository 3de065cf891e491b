"""The images of revisited Oxford and Paris, as DINO and iBOT prepare them.

Layout: DATA_ROOT/roxford5k/gnd_roxford5k.pkl, DATA_ROOT/roxford5k/jpg/NAME.jpg; rparis6k alike.
"""

from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from PIL import Image, ImageFile
from torch.utils.data import Dataset

from ..errors import ConfigError, MissingFile
from .ground_truth import GroundTruth, load_ground_truth
from .transforms import BrokenImageError, open_image, to_rgb

# How many missing images an error names.
SHOWN = 3


class RevisitedImages(Dataset):
    """Images of any aspect ratio, reduced until both sides are at most ``img_size``.

    A sample is a dict: ``image`` (3, h, w) uint8 RGB; ``path``; ``truncated``, whether the file
    ends early. A plain dataset and no pipeline of mmpretrain: Pillow's own ``thumbnail`` is what
    the protocol names, and boxes are in the file's pixels, which an EXIF tag must not turn.

    Args:
        folder: where the images are.
        names: their names, without '.jpg'.
        img_size: longest side in px; images are never enlarged.
        boxes: (x0, y0, x1, y1) in px for each name, to which it is cropped before anything else.
        role: what the images are, for the error messages.

    Raises:
        FileNotFoundError: on construction, if one of the images is not there.
        BrokenImageError: on access, if the file is no image. Images that end early are read as far
            as they go, with a grey rest, as the benchmark's own reader does it.
    """

    def __init__(self, folder: Union[str, Path], names: Sequence[str], img_size: int,
                 boxes: Optional[Sequence[Tuple[float, ...]]] = None, role: str = 'image') -> None:
        if not isinstance(img_size, int) or img_size < 1:
            raise ConfigError(f'`img_size` must be a side in px from 1 up, got {img_size!r}.')
        self.paths = [Path(folder) / f'{name}.jpg' for name in names]
        missing = [str(path) for path in self.paths if not path.is_file()]
        if missing:
            raise MissingFile(
                f'{len(missing)} of {len(self.paths)} {role} images are not there: '
                f'{", ".join(missing[:SHOWN])}{" ..." * (len(missing) > SHOWN)}. Expected all '
                f'images that the ground truth names in the one folder {folder}, without '
                'subfolders; `data_root` of the config, or --data-root, chooses it.')
        self.img_size = img_size
        self.boxes = boxes

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Dict[str, Any]:
        path = self.paths[index]
        image, truncated = read_rgb(path)
        if self.boxes is not None:
            image = image.crop(self.boxes[index])
        # Decoded above: thumbnail on an open JPEG would first decode it at a fraction of its size.
        image.thumbnail((self.img_size, self.img_size), Image.LANCZOS)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        return dict(image=pixels, path=str(path), truncated=truncated)


def read_rgb(path: Path) -> Tuple[Image.Image, bool]:
    """A whole image in RGB, and whether its file ends early.

    Raises:
        BrokenImageError: it cannot be decoded at all.
    """
    reasons = []
    for tolerant in (False, True):
        before = ImageFile.LOAD_TRUNCATED_IMAGES  # Pillow has no other way to ask for it
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant
        try:
            with open_image(path) as image:
                return to_rgb(image).copy(), tolerant
        except MemoryError:
            raise
        except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error
            reasons.append(f'{type(error).__name__}: {error}'.replace('\n', ' '))
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
    raise BrokenImageError(f'{path} cannot be decoded ({reasons[0]}): restore the file, as every '
                           'image counts in the ranking.')


def load_revisited(data_root: Union[str, Path], name: str, img_size: int,
                   crop_queries: bool = False
                   ) -> Tuple[GroundTruth, RevisitedImages, RevisitedImages]:
    """Ground truth, queries and database of the set in data_root/name.

    Args:
        data_root: the folder above the set's own.
        name: 'roxford5k', 'rparis6k', or any other set in their format.
        img_size: longest side in px of queries and database.
        crop_queries: crop the queries to their boxes, as the revisited protocol asks; DINO and
            iBOT take the whole image.

    Raises:
        GroundTruthError: the ground truth is missing, broken or of another format.
        FileNotFoundError: an image is missing.
    """
    folder = Path(data_root).expanduser() / name
    truth = load_ground_truth(folder / f'gnd_{name}.pkl')
    boxes = [entry['bbx'] for entry in truth.gnd] if crop_queries else None
    queries = RevisitedImages(folder / 'jpg', truth.qimlist, img_size, boxes, role='query')
    database = RevisitedImages(folder / 'jpg', truth.imlist, img_size, role='database')
    return truth, queries, database
