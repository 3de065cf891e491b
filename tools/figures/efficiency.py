"""Figure 2 of the paper: accuracy on ImageNet over effective pre-training epochs.

Draws and prints the paper's points (Table 1), and beside them those of your own runs. A work dir
that has no point to give is named and left out.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arguments import NETWORKS, add_picture, add_suites
from command_line import Parser, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_suites(parser, nargs='*')
    parser.add_argument('--network', choices=[*NETWORKS, 'all'], default='vit-s',
                        help='whose points; all draws four panels (default: %(default)s, as in '
                             'the paper)')
    add_picture(parser, 'efficiency')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.figures import (
        paper_points,
        picture_file,
        plot_efficiency,
        points_table,
        read_own_points,
    )
    networks = NETWORKS if args.network == 'all' else [args.network]
    out = picture_file(args.out)
    points = [*paper_points(networks), *read_own_points(args.work_dirs, networks)]
    plot_efficiency(points).savefig(out, dpi=150)
    print(points_table(points))
    print(f'The picture is {out}')


if __name__ == '__main__':
    run_tool(main)
