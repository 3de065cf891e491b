"""Collect the results of tools/transfers/run.sh into one table and one plot.

Writes report.md and report.png into the first work dir: the paper's figure, ours, and the
difference, for each benchmark; what was not run or failed says so, and so does what cannot stand
beside the paper's, because it is not of the whole data set or the whole schedule.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arguments import add_suites
from command_line import Parser, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    add_suites(parser, nargs='+')
    parser.add_argument('--out', type=Path,
                        help='where report.md and report.png go (default: the first work dir)')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.figures import write_report
    print(write_report(args.work_dirs, args.out or args.work_dirs[0]))


if __name__ == '__main__':
    run_tool(main)
