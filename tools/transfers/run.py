"""Run the paper's transfers of one checkpoint, one after the other, and report them.

What is finished is not run again: the same command goes on after an interruption. Results of
another checkpoint, other data or other options are never taken for this one's: they are refused. A
benchmark that fails does not stop the others; the report says so, and what was not run.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import ROOT, Parser, count, run_tool

# the algorithm's type -> its name in the paper's tables
METHODS = {'MoCoV3': 'MoCo v3', 'SimMIMMoBY': 'SimMIM + MoBY'}
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
                             'times (default: what the configs name, below data/)')
    parser.add_argument('--gpus', type=count, default=8,
                        help='processes a machine, with --slurm in all (default: 8)')
    parser.add_argument('--slurm', metavar='PARTITION', help='submit through srun')
    parser.add_argument('--network', choices=['swin-t', 'swin-b', 'vit-s', 'vit-b'],
                        help='whose configs to take (default: told from the checkpoint)')
    parser.add_argument('--method', help="as in the paper's tables (default: from the checkpoint)")
    parser.add_argument('--epochs', type=count,
                        help='of its pre-training (default: from the checkpoint)')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override keys of all configs, or of those of some benchmarks: '
                             'imagenet.train_cfg.max_epochs=1, imagenet,linear.KEY=VALUE')
    parser.add_argument('--dry-run', action='store_true', help='print the commands only')
    args = parser.parse_args(argv)
    args.data_root = {name: folder for each in args.data_root for name, folder in each.items()}
    idle = sorted(set(args.data_root) - set(args.suite))
    if idle:
        parser.error(f'--data-root names {", ".join(idle)}, which --suite does not')
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
    if '://' not in folder and not Path(folder).exists():
        raise argparse.ArgumentTypeError(f'there is no folder {folder} (looked in {Path.cwd()})')
    return dict.fromkeys(suite_of(names), folder)


def identity(args: argparse.Namespace) -> dict:
    """Which method, network and schedule the checkpoint is of."""
    from mimco_mm.checkpoints import CheckpointError, describe, network_name
    from mimco_mm.tables import effective_epochs
    try:
        about = describe(args.checkpoint)
    except CheckpointError as error:
        raise SystemExit(f'error: {error}') from error
    network = args.network or network_name(about.architecture)
    if network is None:
        raise SystemExit(f'error: {args.checkpoint} is a {about.architecture}, for which there '
                         'are no configs; name those to take with --network')
    algorithm = about.meta.get('algorithm', about.found.release)
    epochs = args.epochs or about.meta.get('epoch')
    effective = effective_epochs(algorithm, epochs, about.meta.get('teacher_checkpoint')) \
        if epochs else None
    return dict(
        checkpoint=str(args.checkpoint), sha256=about.sha256, network=network,
        method=args.method or METHODS.get(algorithm, algorithm), epochs=epochs,
        effective_epochs=effective, seed=about.meta.get('seed'))


def work_dir_of(checkpoint: str, sha256: str) -> Path:
    """A folder for each checkpoint, also for two of one name."""
    path = Path(checkpoint) if '://' in checkpoint else Path(checkpoint).resolve()
    return Path('work_dirs', 'transfers', f'{path.parent.name}_{path.stem}_{sha256[:8]}')


def check_run(work_dir: Path, run: dict) -> None:
    """Refuse a work dir of another checkpoint."""
    from mimco_mm.records import RecordError
    from mimco_mm.tables import read_run
    stored = read_run(work_dir)['sha256'] if (work_dir / 'run.json').is_file() else run['sha256']
    if stored != run['sha256']:
        raise RecordError(
            f'{work_dir} has the results of a checkpoint with sha256 {stored[:12]}, and '
            f'{run["checkpoint"]} has {run["sha256"][:12]}. Choose another --work-dir, or remove '
            'that one.')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    run = identity(args)
    from mimco_mm.figures import write_report
    from mimco_mm.records import RecordError, write_json
    from mimco_mm.transfers import Machines, OptionError, check, plan, run_step
    work_dir = args.work_dir or work_dir_of(args.checkpoint, run['sha256'])
    node = int(os.environ.get('NODE_RANK', '0'))
    try:
        steps = plan(ROOT, work_dir, args.checkpoint, run['sha256'], run['network'], args.suite,
                     args.data_root, args.cfg_options, Machines(args.gpus, args.slurm))
        if node:  # it takes part in the training alone
            steps = [step for step in steps if step.trained]
        if args.dry_run:
            for step in steps:
                print(f'# {step.name}: {step.problem}' if step.problem
                      else shlex.join(step.command))
            return
        check_run(work_dir, run)
        check(steps, work_dir)
    except (OptionError, RecordError) as error:
        raise SystemExit(f'error: {error}') from error
    if not node:
        run['problems'] = {step.name: step.problem for step in steps if step.problem}
        work_dir.mkdir(parents=True, exist_ok=True)
        write_json(work_dir / 'run.json', run)
    outcomes = {step.name: run_step(step, work_dir, node) for step in steps}
    print('\n' + '\n'.join(f'{name}: {outcome}' for name, outcome in outcomes.items()))
    if not node:
        print(f'\n{write_report([work_dir], work_dir)}')
    if any(outcome.startswith('failed') for outcome in outcomes.values()):
        raise SystemExit(1)


if __name__ == '__main__':
    run_tool(main)
