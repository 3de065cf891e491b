"""Figure 3 of the paper: t-SNE of the features of some classes, for one checkpoint or several.

Under each panel stands what the picture illustrates, measured on the features themselves:
leave-one-out k-NN accuracy and silhouette. Settings, numbers and points go into a JSON file of the
picture's name. Networks are built from the checkpoints alone, of any format that is known.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arguments import add_backbones, add_extraction, add_picture
from command_line import Parser, request_of, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_backbones(parser, 'panel', "images in CLASS folders, or ImageNet's val")
    parser.add_argument('--classes', nargs='+', metavar='CLASS',
                        help='their names, as those of the folders (default: random '
                             'ones)')
    parser.add_argument('--num-classes', type=int, default=10, metavar='N',
                        help='how many random ones (default: %(default)s, as in the paper)')
    parser.add_argument('--images-per-class', type=int, default=50, metavar='N',
                        help='random ones of each class at most (default: %(default)s)')
    parser.add_argument('--names', type=Path, metavar='FILE',
                        help='lines FOLDER NAME for the legend, e.g. LOC_synset_mapping.txt')
    parser.add_argument('--img-size', type=int, metavar='PX',
                        help='side of the images (default: of each network, e.g. 224)')
    parser.add_argument('--k', type=int,
                        help='neighbours of the k-NN accuracy (default: 20, or as many as the '
                             'smallest class has other images)')
    parser.add_argument('--perplexity', type=float,
                        help='of t-SNE (default: 30, or a third of the images)')
    parser.add_argument('--seed', type=int, default=0,
                        help='of classes, images and t-SNE (default: %(default)s)')
    add_extraction(parser)
    add_picture(parser, 'tsne')
    args = parser.parse_args(argv)
    parser.expect_above_0(args, 'num_classes', 'images_per_class', 'k', 'perplexity', 'batch_size')
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.figures.tsne_figure import TsneRequest, draw_tsne
    draw_tsne(request_of(TsneRequest, args))


if __name__ == '__main__':
    run_tool(main)
