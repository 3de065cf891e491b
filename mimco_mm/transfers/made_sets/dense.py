"""A small COCO and a small ADE20K of any photographs: valid labels, not good ones.

An object, or a segment, is a connected patch of one colour, and its colour is its class.
"""

import json
import random
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

import cv2
import numpy as np

from ...datasets import BrokenImageError, LoadRGBImage, find_images
from ...errors import DataError

LEVELS = 3  # of each colour channel: 27 colours
BLUR = 9  # px, so that patches have smooth outlines
AREA = (0.01, 0.6)  # smallest and largest object, parts of the image
MAX_OBJECTS = 12  # of an image
ADE20K_STEP = 5  # between the labels of neighbouring colours: 1, 6, ..., 131


class Patch(NamedTuple):
    """A connected patch of one colour: where it is (H, W), bool, and which colour, 0 to 26."""

    mask: np.ndarray
    color: int


def choose(folder: Path, count: int, seed: int) -> List[Path]:
    """So many photographs of a folder, at random.

    Raises:
        FileNotFoundError: there are none.
        DataError: there are fewer.
    """
    found = [Path(path) for path in find_images(folder)]
    if len(found) < count:
        raise DataError(f'{folder} has {len(found)} images, and --train and --val ask for {count}')
    return random.Random(seed).sample(found, count)


def write_dense_sets(train: Sequence[Path], val: Sequence[Path], out: Path, side: int,
                     coco_names: Sequence[str]) -> Dict[str, Tuple[int, int]]:
    """Write both sets; 'train' and 'val' -> images and objects.

    Args:
        train: photographs.
        val: others.
        out: gets coco/ and ade/, as mmdet's and mmseg's configs read them.
        side: longest of an image, px.
        coco_names: of COCO's 80 categories.

    Raises:
        DataError: a photograph cannot be decoded.
    """
    categories = coco_categories(coco_names)
    return {split: (len(paths), write_split(paths, out, side, split, ade_split, categories))
            for paths, split, ade_split in ((train, 'train', 'training'),
                                            (val, 'val', 'validation'))}


def read(path: Path, side: int) -> np.ndarray:
    """The image (H, W, 3), longer side at most ``side`` px."""
    try:
        image = np.ascontiguousarray(LoadRGBImage()(dict(img_path=str(path)))['img'])
    except BrokenImageError as error:
        raise DataError(f'{path} cannot be decoded ({error})') from error
    scale = min(1., side / max(image.shape[:2]))
    size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def colors_of(image: np.ndarray) -> np.ndarray:
    """The colour of every pixel (H, W), 0 to 26."""
    levels = cv2.medianBlur(image, BLUR).astype(int) * LEVELS // 256
    return levels @ [LEVELS**2, LEVELS, 1]


def patches_of(colors: np.ndarray) -> Iterator[Patch]:
    """The patches of an object's size, largest first."""
    found = []
    for color in np.unique(colors):
        _, labels, stats, _ = cv2.connectedComponentsWithStats((colors == color).astype(np.uint8))
        found += [(stats[label, cv2.CC_STAT_AREA], color, label, labels)
                  for label in range(1, len(stats))]
    smallest, largest = (part * colors.size for part in AREA)
    kept = [patch for patch in found if smallest <= patch[0] <= largest]
    for _, color, label, labels in sorted(kept, key=lambda patch: -patch[0])[:MAX_OBJECTS]:
        yield Patch(labels == label, int(color))


def annotate(patch: Patch, category_id: int) -> dict:
    """A COCO annotation: one polygon, the outer outline of the patch, and its box and area."""
    outlines, _ = cv2.findContours(patch.mask.astype(np.uint8), cv2.RETR_EXTERNAL,
                                   cv2.CHAIN_APPROX_SIMPLE)
    outline = max(outlines, key=cv2.contourArea)[:, 0]
    (left, top), (right, bottom) = outline.min(0).tolist(), outline.max(0).tolist()
    return dict(
        category_id=category_id,
        segmentation=[outline.astype(float).ravel().tolist()],
        bbox=[left, top, right - left, bottom - top],
        area=float(cv2.contourArea(outline)),
        iscrowd=0)


def label_map(colors: np.ndarray) -> np.ndarray:
    """An ADE20K label map (H, W): the colours of all larger segments, 0 elsewhere."""
    labels = np.zeros(colors.shape, np.uint8)
    for patch in patches_of(colors):
        labels[patch.mask] = 1 + ADE20K_STEP * patch.color
    return labels


def write_split(paths: Sequence[Path], out: Path, side: int, split: str, ade_split: str,
                categories: Sequence[dict]) -> int:
    """Write one split of both sets; the number of objects in it."""
    coco, ade = out / 'coco', out / 'ade' / 'ADEChallengeData2016'
    folders = [coco / f'{split}2017', coco / 'annotations', ade / 'images' / ade_split,
               ade / 'annotations' / ade_split]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for image_id, path in enumerate(paths, start=1):
        image = read(path, side)
        colors = colors_of(image)
        name = f'{image_id:012d}.jpg'
        for folder in (folders[0], folders[2]):
            cv2.imwrite(str(folder / name), image)
        cv2.imwrite(str(folders[3] / f'{image_id:012d}.png'), label_map(colors))
        height, width = image.shape[:2]
        images.append(dict(id=image_id, file_name=name, height=height, width=width))
        for patch in patches_of(colors):
            category = categories[patch.color * len(categories) // LEVELS**3]
            annotation = annotate(patch, category['id'])
            if min(annotation['bbox'][2:]) > 1 and annotation['area'] > 1:
                annotations.append(dict(id=len(annotations) + 1, image_id=image_id, **annotation))
    content = dict(info=dict(description='patches of colour, made by make_dense_sets.py'),
                   licenses=[], images=images, annotations=annotations, categories=categories)
    (folders[1] / f'instances_{split}2017.json').write_text(json.dumps(content))
    return len(annotations)


def coco_categories(names: Sequence[str]) -> List[dict]:
    """COCO's 80 categories, ids and all: whoever reads the set expects every one."""
    unused = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    ids = [number for number in range(1, 91) if number not in unused]
    return [dict(id=number, name=name, supercategory='') for number, name in zip(ids, names)]
