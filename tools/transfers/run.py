"""Run the paper's transfers of one checkpoint, one after the other, and report them.

What is finished is not run again: the same command goes on after an interruption. Results of
another checkpoint, other data or other options are never taken for this one's: they are refused. A
benchmark that fails does not stop the others; the report says so, and what was not run.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arguments import NETWORKS
from command_line import ROOT, Parser, count, request_of, run_tool

# those of mimco_mm.transfers, which is slow to import: not for --help
SUITE = ('imagenet', 'coco', 'ade20k', 'retrieval', 'knn', 'linear')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(prog='tools/transfers/run.sh', description=__doc__)
    parser.add_argument('checkpoint', help='path: backbone_epoch_N.pth, or a full checkpoint')
    parser.add_argument('--suite', default=list(SUITE), type=suite_of,
                        help=f'benchmarks, separated by commas (default: {",".join(SUITE)})')
    parser.add_argument('--work-dir', type=Path,
                        help='folder of all results (default: work_dirs/transfers/ and the names '
                             "of the checkpoint's folder and file, and the start of its sha256)")
    parser.add_argument('--data-root', action='append', default=[], type=data_root,
                        metavar='SUITE=DIR',
                        help='folder of the images of one benchmark, or of several, as --data of '
                             'tools/train.py: imagenet,linear,knn=DIR; may be given several '
                             'times, for benchmarks of --suite alone (default: what the '
                             'configs name, below data/)')
    parser.add_argument('--gpus', type=count, default=8,
                        help='processes a machine, with --slurm in all (default: 8)')
    parser.add_argument('--slurm', metavar='PARTITION', help='submit through srun')
    parser.add_argument('--network', choices=NETWORKS,
                        help='whose configs to take (default: told from the checkpoint)')
    parser.add_argument('--method', help="as in the paper's tables (default: from the checkpoint)")
    parser.add_argument('--epochs', type=count,
                        help='of its pre-training (default: from the checkpoint)')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override keys of all configs, or of those of some benchmarks: '
                             'imagenet.train_cfg.max_epochs=1, imagenet,linear.KEY=VALUE')
    parser.add_argument('--dry-run', action='store_true',
                        help='print the commands only, which images are not here and what has no '
                             'config; exit code 1 where a library is missing')
    args = parser.parse_args(argv)
    named = [name for each in args.data_root for name in each]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        parser.error(f'--data-root names {", ".join(twice)} twice')
    args.data_root = {name: folder for each in args.data_root for name, folder in each.items()}
    idle = sorted(set(args.data_root) - set(args.suite))
    if idle:
        parser.error(f'--data-root names {", ".join(idle)}, which --suite does not: leave '
                     'out what is not run')
    return args


def suite_of(text: str) -> list[str]:
    names = [name for name in text.split(',') if name]
    unknown = [name for name in names if name not in SUITE]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f'expected some of {",".join(SUITE)}, got {text!r}')
    return list(dict.fromkeys(names))


def data_root(text: str) -> dict[str, str]:
    """'imagenet,knn=DIR' -> the folder of each."""
    names, equals, folder = text.partition('=')
    if not equals:
        raise argparse.ArgumentTypeError(f'expected SUITE=DIR, such as imagenet=/data/imagenet, '
                                         f'got {text!r}')
    folder = os.path.expanduser(folder)
    if '://' not in folder and not Path(folder).exists():
        raise argparse.ArgumentTypeError(f'there is no folder {folder} (looked in {Path.cwd()})')
    return dict.fromkeys(suite_of(names), folder)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.processes import number
    from mimco_mm.transfers import Machines
    from mimco_mm.transfers.suite import SuiteRequest, run_suite
    args.machines = Machines(args.gpus, args.slurm, number('NNODES', 1, least=1))
    run_suite(request_of(SuiteRequest, args), ROOT)


if __name__ == '__main__':
    run_tool(main, goes_on=True)
