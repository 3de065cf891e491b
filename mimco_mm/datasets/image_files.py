"""Which files are images, by their names, and how a frozen network sees them."""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmpretrain.registry import TRANSFORMS
from PIL import Image, features
from torch.utils.data import DataLoader, Dataset

from .transforms import BrokenImageError
from .transforms.opening import FORMATS


def _suffixes() -> Tuple[str, ...]:
    """The endings of ``FORMATS``, of as many as the installed Pillow decodes."""
    Image.init()
    missing = () if features.check('jpg_2000') else ('JPEG2000', )  # others it leaves out itself
    return tuple(sorted(suffix for suffix, name in Image.registered_extensions().items()
                        if name in FORMATS and name not in missing))


SUFFIXES = _suffixes()  # the endings of images, everywhere


def is_hidden(name: str) -> bool:
    """Whether a file, given by its path in the folder of all, or a folder around it is hidden."""
    return name.startswith('.') or '/.' in name


def leads_out(name: str) -> bool:
    """Whether a path is none below a folder: absolute, empty, or with empty parts, . or .. in it.

    Joined to the folder of a pack it would be another file, of this machine, say.
    """
    return not {'', '.', '..'}.isdisjoint(name.split('/'))


def centre_crop(img_size: int) -> List[dict]:
    """The transforms of an image that is judged, not trained on: (img_size, img_size, 3), BGR.

    Images from 224 px on are resized to 8/7 of the side and cropped at the centre (256 to 224, the
    custom of ImageNet); smaller ones are resized to the side.
    """
    edge = img_size * 8 // 7 if img_size >= 224 else img_size
    return [
        dict(type='LoadRGBImage'),
        dict(type='ResizeEdge', scale=edge, backend='pillow', interpolation='bicubic'),
        dict(type='CenterCrop', crop_size=img_size),
    ]


class ImageBatch(NamedTuple):
    """Some images of a list.

    Attributes:
        rows: (B,), their places in the list, ascending.
        pixels: (B, 3, H, W) uint8, BGR.
        broken: path -> why it cannot be read; such images are in neither of the others.
    """

    rows: torch.Tensor
    pixels: torch.Tensor
    broken: Dict[str, str]


class ImageFiles(Dataset):
    """The images of ``paths``, through ``centre_crop``.

    An item is (row, pixels (H, W, 3) uint8, BGR), or, of a file that cannot be read, (row, why).
    """

    def __init__(self, paths: Sequence[str], img_size: int) -> None:
        self.paths = list(paths)
        self.img_size = img_size
        self.transforms = [TRANSFORMS.build(config) for config in centre_crop(img_size)]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Tuple[int, Union[np.ndarray, str]]:
        results = dict(img_path=self.paths[row])
        try:
            for transform in self.transforms:
                results = transform(results)
        except BrokenImageError as error:
            return row, str(error)
        return row, np.ascontiguousarray(results['img'])

    def collate(self, items: Sequence[Tuple[int, Union[np.ndarray, str]]]) -> ImageBatch:
        whole = [(row, pixels) for row, pixels in items if not isinstance(pixels, str)]
        pixels = torch.empty(len(whole), self.img_size, self.img_size, 3, dtype=torch.uint8)
        for place, (_, image) in enumerate(whole):
            pixels[place] = torch.from_numpy(image)
        return ImageBatch(
            torch.tensor([row for row, _ in whole], dtype=torch.long),
            pixels.permute(0, 3, 1, 2),
            {self.paths[row]: why for row, why in items if isinstance(why, str)})


def image_loader(paths: Sequence[str], img_size: int, batch_size: int = 64,
                 num_workers: int = 2,
                 worker_init_fn: Optional[Callable[[int], None]] = None) -> DataLoader:
    """``ImageBatch`` after ``ImageBatch`` of all ``paths``, in their order."""
    images = ImageFiles(paths, img_size)
    return DataLoader(images, batch_size, num_workers=num_workers, collate_fn=images.collate,
                      worker_init_fn=worker_init_fn)
