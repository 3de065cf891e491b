"""Figure 2 of the paper: accuracy on ImageNet over effective pre-training epochs.

Draws and prints the paper's points (Table 1), and beside them those of your own runs. A work dir
that has no point to give is named and left out.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, run_tool

NETWORKS = ['swin-t', 'swin-b', 'vit-s', 'vit-b']


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('work_dirs', nargs='*', type=Path, metavar='WORK_DIR',
                        help='work dirs of tools/transfers/run.sh, one for each checkpoint')
    parser.add_argument('--network', choices=[*NETWORKS, 'all'], default='vit-s',
                        help='whose points; all draws four panels (default: %(default)s, as in '
                             'the paper)')
    parser.add_argument('--out', type=Path, metavar='FILE',
                        default=Path('work_dirs/figures/efficiency.png'),
                        help='picture, PNG, SVG or PDF by its suffix (default: %(default)s)')
    return parser.parse_args(argv)


def read_own(folders: list[Path], networks: list[str]) -> list:
    """The points of all work dirs; says which give none, and why."""
    from mimco_mm.figures import own_points
    from mimco_mm.tables import read_results, read_run
    unmatched = [folder for folder in folders if '*' in str(folder) and not folder.exists()]
    for pattern in unmatched:  # as a shell leaves it
        print(f'there is no work dir {pattern} yet')
    folders = [folder for folder in folders if folder not in unmatched]
    points, skipped = [], 0
    for folder, run in [(folder, read_run(folder)) for folder in folders]:
        try:
            points += own_points(run, read_results(folder), networks)
        except ValueError as reason:
            print(f'skipped {folder}: {reason}')
            skipped += 1
    if skipped:
        print(f'{skipped} of {len(folders)} work dirs skipped')
    if not points:
        print("no points of your own: only the paper's are drawn")
    return points


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.figures import paper_points, picture_file, plot_efficiency, points_table
    networks = NETWORKS if args.network == 'all' else [args.network]
    try:
        out = picture_file(args.out)
        points = [*paper_points(networks), *read_own(args.work_dirs, networks)]
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f'error: {error}')
    plot_efficiency(points).savefig(out, dpi=150)
    print(points_table(points))
    print(f'The picture is {out}')


if __name__ == '__main__':
    run_tool(main)
