"""Figure 4 of the paper: the patches of other images that are most similar to a query patch.

The query stands at the top left, then the best patch of each of the 35 most similar images, by the
cosine similarity of features. Draws a column for each checkpoint and a row for each query; files,
patches and similarities go into a JSON file of the picture's name. Memory does not grow with the
number of images. Networks are built from the checkpoints alone, of any format that is known.
"""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('checkpoints', nargs='+', metavar='[TITLE=]CHECKPOINT',
                        help='path or URL, and what its column is called')
    parser.add_argument('--data', type=Path, default=Path('data/imagenet/val'), metavar='FOLDER',
                        help='images at any depth, without labels (default: %(default)s)')
    parser.add_argument('--queries', nargs='+', metavar='IMAGE:X,Y',
                        help='the patches that hold these pixels of the crop, X to the right and Y '
                             'down, 0,0 at its top left; IMAGE is a path in FOLDER, or any other')
    parser.add_argument('--num-queries', type=int, default=4, metavar='N',
                        help='without --queries: how many random ones (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0,
                        help='of the random queries (default: %(default)s)')
    parser.add_argument('--neighbours', type=int, default=35, metavar='N',
                        help='images found for each query (default: %(default)s)')
    parser.add_argument('--context', type=int, default=80, metavar='PX',
                        help='side of the part of the image that is shown around a patch '
                             '(default: %(default)s, as in the paper)')
    parser.add_argument('--img-size', type=int, default=224, metavar='PX',
                        help='side of the images, cropped at the centre (default: %(default)s)')
    parser.add_argument('--heads', nargs='+', default=[], metavar='TITLE=N',
                        help='attention heads of ViTs whose files do not tell')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--num-workers', type=int, default=4, help='processes that decode images')
    parser.add_argument('--out', type=Path, metavar='FILE',
                        default=Path('work_dirs/figures/patterns.png'),
                        help='picture, PNG, SVG or PDF by its suffix (default: %(default)s)')
    args = parser.parse_args(argv)
    for name in ('num_queries', 'neighbours', 'context', 'img_size', 'batch_size'):
        if getattr(args, name) <= 0:
            parser.error(f'--{name.replace("_", "-")} expects a number above 0, got '
                         f'{getattr(args, name)}')
    return args


def search(args: argparse.Namespace, backbones: dict, queries: list, paths: list,
           broken: dict) -> dict:
    """Title -> for each query its own patch and the hits, most similar first."""
    import torch

    from mimco_mm.datasets import image_loader
    from mimco_mm.evaluation import feature_maps
    from mimco_mm.figures import NearestPatches, features_at, patch_box
    networks = {title: backbone.network for title, backbone in backbones.items()}
    own = {title: [query.patch(backbone.stride, args.img_size) for query in queries]
           for title, backbone in backbones.items()}
    unread: dict[str, str] = {}
    loader = image_loader([query.path for query in queries], args.img_size, len(queries), 0)
    maps = [maps for _, maps in feature_maps(networks, loader, unread, bar=False)]
    if unread:
        path, why = next(iter(unread.items()))
        raise ValueError(f'the image {path} of a query cannot be read ({why})')
    rows = torch.tensor([query.row for query in queries])
    nearest = {title: NearestPatches(features_at(found, own[title]), rows, args.neighbours)
               for title, found in maps[0].items()}
    loader = image_loader(paths, args.img_size, args.batch_size, args.num_workers)
    for rows, maps in feature_maps(networks, loader, broken):
        for title, found in maps.items():
            nearest[title].update(found, rows)

    def box(title: str, patch: int) -> dict:
        return patch_box(patch, backbones[title].stride, args.img_size)._asdict()

    return {title: [dict(query=box(title, patch), hits=[
        dict(file=paths[hit.row], row=hit.row, similarity=hit.similarity, **box(title, hit.patch))
        for hit in hits]) for patch, hits in zip(own[title], nearest[title].hits())]
        for title in backbones}


def draw(args: argparse.Namespace, images, queries: list, found: dict):
    """The figure, of the pixels that the networks saw."""
    from mimco_mm.datasets import ImageFiles
    from mimco_mm.figures import Box, context_tile, mosaic, plot_patterns
    from mimco_mm.names import printable
    own = ImageFiles([query.path for query in queries], args.img_size)

    def tile(source, row: int, at: dict):
        _, pixels = source[row]
        return context_tile(pixels[..., ::-1],  # from BGR
                            Box(at['left'], at['top'], at['side']), args.context)

    return plot_patterns({title: [
        mosaic([tile(own, number, entry['query']),
                *(tile(images, hit['row'], hit) for hit in entry['hits'])], args.neighbours + 1)
        for number, entry in enumerate(entries)] for title, entries in found.items()},
        [printable(Path(query.path).stem) for query in queries])


def run(args: argparse.Namespace) -> None:
    from mimco_mm.datasets import ImageFiles, find_images
    from mimco_mm.evaluation import load_titled_backbones
    from mimco_mm.figures import draw_queries, parse_query, picture_file
    from mimco_mm.names import printable
    from mimco_mm.records import skipped, write_record
    started = time.time()
    out = picture_file(args.out)
    paths = find_images(args.data)
    images = ImageFiles(paths, args.img_size)
    queries = [parse_query(text, args.data, paths, args.img_size) for text in args.queries or []]
    if len(paths) <= args.neighbours:
        raise ValueError(f'{args.neighbours} other images were asked for, but there are '
                         f'{len(paths)} under {args.data}: lower --neighbours')
    backbones = load_titled_backbones(args.checkpoints, args.heads, args.img_size)
    for title, backbone in backbones.items():
        print(f'{title}, patches of {backbone.stride} px: {backbone.report}')
    strides = [backbone.stride for backbone in backbones.values()]
    if args.context < max(strides):
        raise ValueError(f'--context {args.context} is smaller than a patch of {max(strides)} px')
    queries = queries or draw_queries(images, args.num_queries, min(strides), args.seed)
    print('\n'.join(['queries:', *(f'  {printable(query)}' for query in queries),
                     f'{len(paths)} images:']))
    broken: dict[str, str] = {}
    found = search(args, backbones, queries, paths, broken)
    print(skipped(broken))
    draw(args, images, queries, found).savefig(out, dpi=200)
    record = write_record(
        out,
        settings=vars(args),
        images=len(paths),
        broken=broken,
        queries=[query._asdict() for query in queries],
        models={title: dict(checkpoint=dataclasses.asdict(backbones[title].report),
                            patterns=entries) for title, entries in found.items()},
        seconds=round(time.time() - started, 1))
    print(f'The picture is {out}, files, patches and similarities are in {record}')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.checkpoints import CheckpointError
    try:
        run(args)
    except (CheckpointError, OSError, ValueError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    run_tool(main)
