"""How long the small study fine-tunes, chosen by its baselines on training images alone.

A ViT that SimMIM has pre-trained and one of no pre-training are fine-tuned for each of some numbers
of epochs, and judged by the last training images of each class, on which nothing trains. The
shortest that ranks the two beyond noise serves: their means lie further apart than the seeds of
either, and than two standard errors of so many images. A process for each start; what is done is
not done again.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from arguments import add_study_data
from command_line import Parser, count, request_of, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_study_data(parser)
    parser.add_argument('--out', '--work-dir', dest='work_dir', type=Path,
                        default=Path('work_dirs/study_finetuning'), help='default: %(default)s')
    parser.add_argument('--lengths', nargs='+', type=count, default=[5, 10, 20, 40], metavar='N',
                        help='epochs of fine-tuning (default: 5 10 20 40)')
    parser.add_argument('--seeds', nargs='+', type=int, default=[99, 100],
                        help='of fine-tuning; pre-training has the first (default: 99 100)')
    parser.add_argument('--train', type=count, default=500,
                        help='images of each class to train on (default: %(default)s)')
    parser.add_argument('--held-out', type=count, default=1000,
                        help='images of each class to judge by (default: %(default)s)')
    parser.add_argument('--epochs', type=count, default=20,
                        help='of pre-training (default: %(default)s)')
    args = parser.parse_args(argv)
    args.work_dir = args.work_dir.resolve()
    return args


def main() -> None:
    args = parse_args()
    from mimco_mm.study.finetuning import Finetunings, compare_lengths
    print(compare_lengths(request_of(Finetunings, args)))


if __name__ == '__main__':
    run_tool(main, goes_on=True)
