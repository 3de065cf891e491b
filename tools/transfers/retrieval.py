"""Image retrieval on revisited Oxford and Paris by the frozen features of a checkpoint.

Prints mAP and mP@k of the levels easy, medium and hard, and writes them with the settings as JSON.
With --gpus several processes share the images.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arguments import add_cfg_options, add_frozen, add_results
from command_line import Parser, request_of


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_frozen(parser, 'configs/benchmarks/retrieval/swin-t_dino.py')
    parser.add_argument('--data-root', help='folder of roxford5k and rparis6k (default: data_root '
                                            'of the config)')
    parser.add_argument('--sets', nargs='+', metavar='NAME',
                        help='only these of the config, e.g. roxford5k (default: all)')
    add_results(parser, 'retrieval')
    add_cfg_options(parser, 'set keys of the config, e.g. crop_queries=True '
                            'sets.roxford5k.img_size=512')
    return parser.parse_args(argv)


def main() -> None:
    args = parse_args()
    from mimco_mm.transfers.frozen import measure
    from mimco_mm.transfers.retrieval import (
        RetrievalRequest,
        measure_retrieval,
        requested_retrieval,
    )
    request = request_of(RetrievalRequest, args)
    measure(request, args.gpus, __file__, requested_retrieval, measure_retrieval)


if __name__ == '__main__':
    main()
