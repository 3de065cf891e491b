"""Query images, and the images that are nearest to them by the features of a checkpoint.

By cosine similarity, which stands under each; of images whose classes are known the frame tells
whether it is the query's. Draws a row for each query and columns for each checkpoint; files and
similarities go into a JSON file of the picture's name.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arguments import add_checkpoints, add_extraction, add_picture
from command_line import Parser, request_of, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_checkpoints(parser, 'part of the row')
    parser.add_argument('--queries', nargs='+', required=True, metavar='IMAGE',
                        help='their paths in the data, or any other files')
    parser.add_argument('--data', default='data/imagenet/val', metavar='SOURCE',
                        help='images to find: folder, tar, tar:// or lmdb://, or a file of '
                             'features by tools/embed.py (default: %(default)s)')
    parser.add_argument('--k', type=int, default=8, metavar='N',
                        help='images found for each query (default: %(default)s)')
    parser.add_argument('--img-size', type=int, metavar='PX',
                        help='side of the images (default: of each network, e.g. 224)')
    add_extraction(parser)
    add_picture(parser, 'neighbours')
    args = parser.parse_args(argv)
    parser.expect_above_0(args, 'k', 'img_size', 'batch_size')
    if args.out.resolve() in {Path(query).resolve() for query in args.queries}:
        parser.error(f'--out {args.out} is a query: give the picture another name')
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.figures.neighbours_figure import NeighboursRequest, draw_neighbours
    draw_neighbours(request_of(NeighboursRequest, args))


if __name__ == '__main__':
    run_tool(main)
