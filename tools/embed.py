"""Features of images by a checkpoint: file name, class and feature of each, as parquet, npy or csv.

A feature is the mean of the last map over its positions, before any head, as float32; the class is
the folder that an image lies in. An interrupted run goes on when the same command is given again,
with any number of processes. With --gpus several processes share the images.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from arguments import WORKERS, add_gpus
from command_line import Parser, request_of


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('checkpoint', help='path or URL of any known format, or timm:NAME, '
                                           'timm:NAME=FILE, hf:OWNER/MODEL, hf:FOLDER')
    parser.add_argument('images', help='folder at any depth, tar, tar://FOLDER or lmdb://FOLDER')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE',
                        help='features, .parquet, .npy or .csv; FILE.json says what they are of, '
                             'and beside .npy .files.csv has the names')
    parser.add_argument('--patches', action='store_true',
                        help='the maps (C, h, w) too: a column of .parquet, or .patches.npy beside '
                             '.npy')
    parser.add_argument('--img-size', type=int, metavar='PX',
                        help='side of the images (default: that of the network, e.g. 224)')
    parser.add_argument('--heads', type=int, metavar='N',
                        help='attention heads of a ViT whose file does not tell')
    add_gpus(parser)
    parser.add_argument('--batch-size', type=int, default=64,
                        help='images of a process at a time (default: %(default)s)')
    parser.add_argument('--num-workers', type=int, default=WORKERS,
                        help='processes that decode images for each (default: a core each, 4 '
                             'at most)')
    args = parser.parse_args(argv)
    parser.expect_above_0(args, 'img_size', 'heads', 'batch_size')
    parser.expect_from(args, num_workers=0)
    return args


def main() -> None:
    args = parse_args()
    from mimco_mm.embedding import EmbedRequest, check_request, embed_images
    from mimco_mm.transfers.frozen import measure
    measure(request_of(EmbedRequest, args), args.gpus, __file__, check_request, embed_images)


if __name__ == '__main__':
    main()
