"""Figure 4 of the paper: the patches of other images that are most similar to a query patch.

The query stands at the top left, then the best patch of each of the 35 most similar images, by the
cosine similarity of features. Draws a column for each checkpoint and a row for each query; files,
patches and similarities go into a JSON file of the picture's name. Memory does not grow with the
number of images. Networks are built from the checkpoints alone, of any format that is known.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arguments import add_backbones, add_extraction, add_picture
from command_line import Parser, request_of, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_backbones(parser, 'column', 'images at any depth, without labels')
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
    add_extraction(parser)
    add_picture(parser, 'patterns')
    args = parser.parse_args(argv)
    parser.expect_above_0(args, 'num_queries', 'neighbours', 'context', 'img_size', 'batch_size')
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.figures.patterns_figure import PatternsRequest, draw_patterns
    draw_patterns(request_of(PatternsRequest, args))


if __name__ == '__main__':
    run_tool(main)
