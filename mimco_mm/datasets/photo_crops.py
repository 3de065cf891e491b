"""A small data set of real images, cut from the photographs that scikit-image and scikit-learn ship.

The class of a crop is the photograph it was cut from. Photographs are divided into cells; every
other cell, as on a chessboard, is for testing, so that no pixel is in both parts.
"""

from pathlib import Path
from typing import Dict, Iterator, Tuple

import numpy as np
from mmengine.utils import track_iter_progress
from PIL import Image

CELL = 64  # px of the photograph
SIDE = 32  # px of a crop


def photographs() -> Dict[str, np.ndarray]:
    """The photographs by name, (H, W, 3) uint8."""
    from skimage import color, data
    from sklearn.datasets import load_sample_images
    names = ('astronaut', 'brick', 'camera', 'cat', 'coffee', 'coins', 'grass', 'gravel',
             'hubble_deep_field', 'immunohistochemistry', 'moon', 'page', 'retina', 'rocket', 'text')
    images = {name: getattr(data, name)() for name in names}
    images['motorcycle'] = data.stereo_motorcycle()[0]
    images.update(zip(('china', 'flower'), load_sample_images().images))
    return {
        name: image if image.ndim == 3 else (color.gray2rgb(image)).astype(np.uint8)
        for name, image in images.items()
    }


def crops(image: np.ndarray, per_cell: int,
          rng: np.random.Generator) -> Iterator[Tuple[str, np.ndarray]]:
    """('train' or 'test', crop (SIDE, SIDE, 3)) from every cell of a photograph."""
    rows, columns = image.shape[0] // CELL, image.shape[1] // CELL
    for row in range(rows):
        for column in range(columns):
            cell = image[row * CELL:(row + 1) * CELL, column * CELL:(column + 1) * CELL]
            part = ('train', 'test')[(row + column) % 2]
            for _ in range(per_cell if part == 'train' else max(1, per_cell // 4)):
                size = int(rng.integers(SIDE, CELL + 1))
                top, left = rng.integers(0, CELL - size + 1, size=2)
                crop = Image.fromarray(cell[top:top + size, left:left + size])
                yield part, np.asarray(crop.resize((SIDE, SIDE), Image.BICUBIC))


def write_photo_crops(root: Path, per_cell: int = 8, seed: int = 0) -> Dict[str, int]:
    """Write root/{train,test}/PHOTOGRAPH/N.png, and count the images of both parts."""
    rng = np.random.default_rng(seed)
    counts = dict(train=0, test=0)
    for name, image in track_iter_progress(list(photographs().items())):
        for part, crop in crops(image, per_cell, rng):
            folder = root / part / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(crop).save(folder / f'{counts[part]:05d}.png')
            counts[part] += 1
    return counts
