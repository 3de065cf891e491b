"""Small real images, cut from the photographs that scikit-image and scikit-learn ship.

The class of a crop is the photograph it was cut from. Photographs are divided into cells; every
other cell, as on a chessboard, is for testing, so that no pixel is in both parts. Crops are grey,
of one mean and one contrast, else the mean colour alone would tell the class.
"""

from pathlib import Path
from typing import Dict, Iterator, Optional, Tuple

import numpy as np
from PIL import Image

from ..progress import progress

CELL = 64  # px of the photograph
SIDE = 32  # px of a crop
MIN_CONTRAST = 6  # standard deviation of the grey values, of 255
LONGEST = 640  # px; larger photographs are reduced, so that none has most of the crops


def photographs() -> Dict[str, np.ndarray]:
    """The photographs by name, (H, W, 3) uint8."""
    from skimage import data
    from sklearn.datasets import load_sample_images
    names = ('astronaut', 'brick', 'camera', 'cat', 'coffee', 'coins', 'grass', 'gravel',
             'hubble_deep_field', 'immunohistochemistry', 'moon', 'page', 'retina', 'rocket',
             'text')
    images = {name: getattr(data, name)() for name in names}
    images['motorcycle'] = data.stereo_motorcycle()[0]
    images.update(zip(('china', 'flower'), load_sample_images().images))
    return {name: reduced(image) for name, image in images.items()}


def reduced(image: np.ndarray) -> np.ndarray:
    """An image as RGB, at most ``LONGEST`` px wide and high."""
    image = Image.fromarray(image).convert('RGB')
    image.thumbnail((LONGEST, LONGEST), Image.BICUBIC)
    return np.asarray(image)


def crops(image: np.ndarray, per_cell: int,
          rng: np.random.Generator) -> Iterator[Tuple[str, np.ndarray]]:
    """('train' or 'test', grey crop (SIDE, SIDE)) from every cell of a photograph."""
    rows, columns = image.shape[0] // CELL, image.shape[1] // CELL
    for row in range(rows):
        for column in range(columns):
            cell = image[row * CELL:(row + 1) * CELL, column * CELL:(column + 1) * CELL]
            part = ('train', 'test')[(row + column) % 2]
            for _ in range(per_cell):
                size = int(rng.integers(SIDE, CELL + 1))
                top, left = rng.integers(0, CELL - size + 1, size=2)
                crop = Image.fromarray(cell[top:top + size, left:left + size])
                crop = standardised(crop.resize((SIDE, SIDE), Image.BICUBIC))
                if crop is not None:
                    yield part, crop


def standardised(crop: Image.Image) -> Optional[np.ndarray]:
    """Grey values of mean 128 and deviation 48; None for a crop without contrast, such as sky."""
    grey = np.asarray(crop.convert('L'), dtype=np.float32)
    if grey.std() < MIN_CONTRAST:
        return None
    grey = 128 + 48 * (grey - grey.mean()) / grey.std()
    return grey.clip(0, 255).astype(np.uint8)


def write_photo_crops(root: Path, per_cell: int = 4, seed: int = 0) -> Dict[str, int]:
    """Write root/{train,test}/PHOTOGRAPH/N.png, and count the images of both parts.

    ``root`` appears when all of them are written, so that a half-written set is never used.
    """
    rng = np.random.default_rng(seed)
    counts = dict(train=0, test=0)
    unfinished = root.with_name(f'{root.name}.unfinished')
    found = photographs()
    for name, image in progress(found.items(), len(found), 'photographs'):
        for part, crop in crops(image, per_cell, rng):
            folder = unfinished / part / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(crop).save(folder / f'{counts[part]:05d}.png')
            counts[part] += 1
    unfinished.rename(root)
    return counts
