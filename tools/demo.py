"""MimCo end to end on a few thousand small crops of real photographs, in minutes, on any machine.

Stage 1 (MoBY) trains a teacher; stage 2 (MimCo) and a SimMIM of the same size and length train
students; then the features of all of them, and of a random network, are judged by k-NN. Writes
results.json, curves.png and neighbours.png into the work dir. What is done is not done again, as
long as it is of the same images, options, configs and teacher; else it is refused.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import ROOT, Parser, count, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'demo',
                        help='folder of the data, the runs and the results (default: %(default)s)')
    parser.add_argument('--epochs', type=count, default=24,
                        help='epochs of each stage (default: %(default)s)')
    parser.add_argument('--data-root', type=Path, default=None,
                        help='train on these images instead: train/CLASS and test/CLASS of it, '
                             'seen at 32 px (CIFAR-10, for one)')
    parser.add_argument('--seed', type=int, default=0, help='of data and training')
    args = parser.parse_args(argv)
    parser.expect_from(args, seed=0)
    for part in ('train', 'test'):
        if args.data_root and not (args.data_root / part).is_dir():
            parser.error(f'--data-root: expected the folders train and test, and there is no '
                         f'{args.data_root / part}')
    args.work_dir = args.work_dir.resolve()
    return args


def main() -> None:
    args = parse_args()
    from mimco_mm.study.demo import Demo, run_demo
    print(run_demo(Demo(**vars(args), root=ROOT)))


if __name__ == '__main__':
    run_tool(main, goes_on=True)
