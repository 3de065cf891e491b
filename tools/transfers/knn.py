"""Weighted k-NN accuracy of a checkpoint's frozen features, on ImageNet or any labelled images.

Prints top-1 and top-5 accuracy for each k, and writes them with the settings as JSON. With --gpus
several processes share the images.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arguments import add_cfg_options, add_frozen, add_results
from command_line import Parser, request_of


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_frozen(parser, 'configs/benchmarks/knn/swin-t.py')
    parser.add_argument('--data-root', help='folder of train/CLASS and val/CLASS (default: '
                                            'data_root of the config)')
    parser.add_argument('--pool', choices=['mean', 'cls'], default='mean',
                        help='the feature of an image: mean of the last map, or the class token '
                             'of a ViT (default: %(default)s)')
    add_results(parser, 'knn')
    add_cfg_options(parser,
                    'set keys of the config, e.g. ks="[10,20]" queries.data_prefix=test')
    return parser.parse_args(argv)


def main() -> None:
    args = parse_args()
    from mimco_mm.transfers.frozen import measure
    from mimco_mm.transfers.knn import KnnRequest, measure_knn, requested_knn
    request = request_of(KnnRequest, args)
    measure(request, args.gpus, __file__, requested_knn, measure_knn)


if __name__ == '__main__':
    main()
