"""A small retrieval set from a folder of photographs, in the format of revisited Oxford and Paris.

Writes OUT/NAME/gnd_NAME.pkl and OUT/NAME/jpg/*.jpg, to try tools/transfers/retrieval.py without
the benchmark's images. Of some photographs, each a query, the database has other views: easy ones
(large parts), hard ones (small parts, mirrored, darker, at low resolution) and junk (a tiny part).
The rest are distractors, whole. The query file is the photograph with its box around the part that
all views are cut from. The same photographs, options and Pillow give the same files.

Its scores say that the pipeline works and which of two networks finds crops of a photograph better;
they are not those of the benchmark.
"""

import argparse
import pickle
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, run_tool

BOX = 0.9  # the query's box, as a part of both sides of the photograph
# kind of view -> (smallest, largest) part of the box's area, and the widest ratio of the sides
VIEWS = {'easy': (0.5, 0.9, 1.5), 'hard': (0.15, 0.35, 2.0), 'junk': (0.02, 0.05, 1.0)}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('photographs', type=Path,
                        help='folder of images, searched with its subfolders')
    parser.add_argument('out', type=Path, help='folder that gets the set; the --data-root of '
                                               'tools/transfers/retrieval.py')
    parser.add_argument('--name', default='roxford5k',
                        help='of the set; a name in the config runs with its settings '
                             '(default: %(default)s)')
    parser.add_argument('--queries', type=int, default=20,
                        help='photographs that are looked for (default: %(default)s)')
    parser.add_argument('--distractors', type=int, default=100,
                        help='at most so many others (default: %(default)s)')
    parser.add_argument('--views', type=int, default=3,
                        help='easy and hard views of each query (default: %(default)s)')
    parser.add_argument('--side', type=int, default=640,
                        help='longest side of a photograph in px (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of choice, views and order')
    args = parser.parse_args(argv)
    for name, least in (('queries', 1), ('distractors', 0), ('views', 1), ('side', 64)):
        if getattr(args, name) < least:
            parser.error(f'--{name}: expected a number from {least} up, '
                         f'got {getattr(args, name)}')
    return args


def find_photographs(args: argparse.Namespace) -> list[Path]:
    """The photographs in the order of their names, enough of them."""
    from mimco_mm.datasets import find_images
    try:
        found = [Path(path) for path in find_images(args.photographs)]
    except FileNotFoundError as error:
        sys.exit(f'error: {error}')
    if len(found) <= args.queries:
        sys.exit(f'error: {args.queries} queries need more than {args.queries} photographs, and '
                 f'there are {len(found)} under {args.photographs}; set '
                 '--queries lower or give another folder')
    return found


def load(path: Path, side: int):
    """The photograph in RGB, upright, at most ``side`` px wide and high."""
    from PIL import Image, ImageOps

    from mimco_mm.datasets import open_image, to_rgb
    try:
        with open_image(path) as image:
            image = to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # decoders raise anything
        sys.exit(f'error: {path} cannot be read ({type(error).__name__}: {error}); take it out of '
                 'the folder')
    image.thumbnail((side, side), Image.LANCZOS)
    return image


def view(image, box: tuple[int, ...], kind: str, rng):
    """A part of ``box`` of the photograph, harder to recognise if it is a hard one."""
    from PIL import Image, ImageEnhance, ImageOps
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


def write(args: argparse.Namespace) -> dict:
    """Write the images; returns the ground truth in plain Python types."""
    import numpy as np
    rng = np.random.default_rng(args.seed)
    paths = find_photographs(args)
    picked = rng.permutation(len(paths))[:args.queries + args.distractors]
    folder = args.out / args.name
    unfinished = folder.with_name(f'{args.name}.unfinished')
    (unfinished / 'jpg').mkdir(parents=True, exist_ok=True)

    def save(image, name: str) -> str:
        image.save(unfinished / 'jpg' / f'{name}.jpg', quality=90)
        return name

    qimlist, database, gnd = [], [], []  # database: (name, query's number or None, kind)
    for number, index in enumerate(picked.tolist()):
        image = load(paths[index], args.side)
        if number >= args.queries:
            database.append((save(image, f'distractor_{number:04d}'), None, None))
            continue
        (width, height), margin = image.size, (1 - BOX) / 2
        box = (round(width * margin), round(height * margin),
               round(width * (1 - margin)), round(height * (1 - margin)))
        qimlist.append(save(image, f'query_{number:04d}'))
        gnd.append(dict(easy=[], hard=[], junk=[], bbx=[float(side) for side in box]))
        kinds = ['easy'] * args.views + ['hard'] * args.views + ['junk']
        database += [(save(view(image, box, kind, rng), f'{kind}_{number:04d}_{count}'), number,
                      kind) for count, kind in enumerate(kinds)]
    # shuffled: where similarities are equal, the order of the database decides
    order = rng.permutation(len(database)).tolist()
    database = [database[index] for index in order]
    for row, (_, number, kind) in enumerate(database):
        if number is not None:
            gnd[number][kind].append(row)
    truth = dict(imlist=[name for name, *_ in database], qimlist=qimlist, gnd=gnd)
    with (unfinished / f'gnd_{args.name}.pkl').open('wb') as file:
        pickle.dump(truth, file, protocol=3)  # the benchmark's own
    unfinished.rename(folder)  # only now, so that a half-written set is never used
    return truth


def main() -> None:
    args = parse_args()
    folder = args.out / args.name
    for present in (folder, folder.with_name(f'{args.name}.unfinished')):
        if present.exists():
            sys.exit(f'error: {present} is there already; remove it, or choose another folder')
    truth = write(args)
    print(f'{folder}: {len(truth["qimlist"])} queries, {len(truth["imlist"])} database images')


if __name__ == '__main__':
    run_tool(main)
