"""A small retrieval set of photographs, in the format of revisited Oxford and Paris."""

import pickle
from pathlib import Path
from typing import List, Tuple

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from ...datasets import find_images, open_image, to_rgb
from ...errors import ConfigError, DataError

BOX = 0.9  # the query's box, as a part of both sides of the photograph
# kind of view -> (smallest, largest) part of the box's area, and the widest ratio of the sides
VIEWS = {'easy': (0.5, 0.9, 1.5), 'hard': (0.15, 0.35, 2.0), 'junk': (0.02, 0.05, 1.0)}


def write_retrieval_set(photographs: Path, out: Path, name: str, queries: int, distractors: int,
                        views: int, side: int, seed: int) -> dict:
    """Write OUT/NAME/jpg and gnd_NAME.pkl; returns the ground truth in plain Python types.

    Args:
        photographs: folder of images, searched with its subfolders.
        out: folder that gets the set.
        name: of the set.
        queries: photographs that are looked for.
        distractors: others, at most.
        views: easy and hard ones of each query.
        side: longest of a photograph, px.
        seed: of choice, views and order.

    Raises:
        ConfigError: the set is there already, or the photographs are too few.
        DataError: a photograph cannot be read.
    """
    folder, unfinished = out / name, out / f'{name}.unfinished'
    for present in (folder, unfinished):
        if present.exists():
            raise ConfigError(f'{present} is there already; remove it, or choose another folder')
    rng = np.random.default_rng(seed)
    paths = find_photographs(photographs, queries)
    picked = rng.permutation(len(paths))[:queries + distractors]
    (unfinished / 'jpg').mkdir(parents=True, exist_ok=True)

    def save(image: Image.Image, title: str) -> str:
        image.save(unfinished / 'jpg' / f'{title}.jpg', quality=90)
        return title

    qimlist, database, gnd = [], [], []  # database: (name, query's number or None, kind)
    for number, index in enumerate(picked.tolist()):
        image = load(paths[index], side)
        if number >= queries:
            database.append((save(image, f'distractor_{number:04d}'), None, None))
            continue
        (width, height), margin = image.size, (1 - BOX) / 2
        box = (round(width * margin), round(height * margin),
               round(width * (1 - margin)), round(height * (1 - margin)))
        qimlist.append(save(image, f'query_{number:04d}'))
        gnd.append(dict(easy=[], hard=[], junk=[], bbx=[float(side) for side in box]))
        kinds = ['easy'] * views + ['hard'] * views + ['junk']
        database += [(save(view(image, box, kind, rng), f'{kind}_{number:04d}_{count}'), number,
                      kind) for count, kind in enumerate(kinds)]
    # shuffled: where similarities are equal, the order of the database decides
    order = rng.permutation(len(database)).tolist()
    database = [database[index] for index in order]
    for row, (_, number, kind) in enumerate(database):
        if number is not None:
            gnd[number][kind].append(row)
    truth = dict(imlist=[title for title, *_ in database], qimlist=qimlist, gnd=gnd)
    with (unfinished / f'gnd_{name}.pkl').open('wb') as file:
        pickle.dump(truth, file, protocol=3)  # the benchmark's own
    unfinished.rename(folder)  # only now, so that a half-written set is never used
    return truth


def find_photographs(folder: Path, queries: int) -> List[Path]:
    """The photographs in the order of their names, enough of them."""
    found = [Path(path) for path in find_images(folder)]
    if len(found) <= queries:
        raise ConfigError(f'{queries} queries need more than {queries} photographs, and there are '
                          f'{len(found)} under {folder}; set --queries lower or give another '
                          'folder')
    return found


def load(path: Path, side: int) -> Image.Image:
    """The photograph in RGB, upright, at most ``side`` px wide and high."""
    try:
        with open_image(path) as image:
            image = to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # decoders raise anything
        raise DataError(f'{path} cannot be read ({type(error).__name__}: {error}); take it out of '
                        'the folder') from error
    image.thumbnail((side, side), Image.LANCZOS)
    return image


def view(image: Image.Image, box: Tuple[int, ...], kind: str,
         rng: np.random.Generator) -> Image.Image:
    """A part of ``box`` of the photograph, harder to recognise if it is a hard one."""
    smallest, largest, widest = VIEWS[kind]
    width, height = box[2] - box[0], box[3] - box[1]
    area, ratio = rng.uniform(smallest, largest), widest ** rng.uniform(-1, 1)
    w = max(8, round(width * min(1, (area * ratio) ** 0.5)))
    h = max(8, round(height * min(1, (area / ratio) ** 0.5)))
    left = box[0] + int(rng.integers(0, max(1, width - w + 1)))
    top = box[1] + int(rng.integers(0, max(1, height - h + 1)))
    part = image.crop((left, top, left + w, top + h))
    if kind == 'hard':
        part = ImageOps.mirror(part)
        part = ImageEnhance.Brightness(part).enhance(rng.uniform(0.5, 0.8))
        part = part.resize((max(8, w // 2), max(8, h // 2)), Image.BILINEAR)
    return part
