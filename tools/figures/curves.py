"""Draw what runs logged while they trained, from their own logs, in one picture.

A panel for each scalar: losses, learning rate, gradient norm, the health scalars and k-NN accuracy;
a colour for each run. The parts of a resumed run are one curve.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('work_dirs', nargs='+', type=Path, metavar='WORK_DIR',
                        help='work dirs of tools/train.py, one for each run')
    parser.add_argument('--out', type=Path, metavar='FILE',
                        help='picture, PNG, SVG or PDF by its suffix (default: curves.png in the '
                             'first work dir)')
    parser.add_argument('--x', choices=['iteration', 'epoch'], default='iteration',
                        help='what the curves go over (default: %(default)s)')
    parser.add_argument('--smooth', type=int, metavar='N',
                        help='logged values that the bold lines are moving means of; 1 is none '
                             '(default: some 1 in 25)')
    args = parser.parse_args(argv)
    parser.expect_from(args, smooth=1)
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.figures import picture_file, plot_curves, read_runs, with_epochs
    runs = read_runs(args.work_dirs)
    if args.x == 'epoch':
        runs = with_epochs(runs)
    out = picture_file(args.out or args.work_dirs[0] / 'curves.png')
    plot_curves(runs, args.x, args.smooth).savefig(out, dpi=150)
    for title, scalars in runs.items():
        print(f'{title}: {len(scalars)} logged steps, {scalars[0]["step"]} to '
              f'{scalars[-1]["step"]}')
    print(f'The picture is {out}')


if __name__ == '__main__':
    run_tool(main)
