"""Run the paper's transfers of one checkpoint, one after the other, and report them.

What is finished is not run again: the same command goes on after an interruption. A benchmark that
fails does not stop the others; the report says what was not run.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mimco_mm').is_dir():  # in a checkout, mimco_mm need not be installed
    sys.path.insert(0, str(ROOT))

CONFIGS = ROOT / 'configs' / 'benchmarks'
# benchmark -> configs, by the pattern of their names; trained ones go through tools/train.py
TRAINED = dict(
    imagenet='imagenet/{network}.py',
    linear='linear/{network}.py',
    coco='coco/mask-rcnn_{network}_1x.py',
    ade20k='ade20k/upernet_{network}_160k.py',
)
FROZEN = dict(
    knn=('knn.py', {'': 'knn/{network}.py'}),
    retrieval=('retrieval.py', {'dino': 'retrieval/{network}_dino.py',
                                'ibot': 'retrieval/{network}_ibot.py'}),
)
# the algorithm's type -> its name in the paper's tables
METHODS = {'MoCoV3': 'MoCo v3', 'SimMIMMoBY': 'SimMIM + MoBY'}
SUITE = ('imagenet', 'coco', 'ade20k', 'retrieval', 'knn', 'linear')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='tools/benchmarks/run.sh', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='path: backbone_epoch_N.pth, or a full checkpoint')
    parser.add_argument('--suite', default=','.join(SUITE),
                        help=f'benchmarks, separated by commas (default: {",".join(SUITE)})')
    parser.add_argument('--work-dir', type=Path,
                        help='folder of all results (default: work_dirs/transfers/ and the names '
                             "of the checkpoint's folder and file)")
    parser.add_argument('--gpus', type=int, default=8,
                        help='processes a machine, with --slurm in all (default: 8)')
    parser.add_argument('--slurm', metavar='PARTITION', help='submit through srun')
    parser.add_argument('--network', choices=['swin-t', 'swin-b', 'vit-s', 'vit-b'],
                        help='whose configs to take (default: told from the checkpoint)')
    parser.add_argument('--method', help="as in the paper's tables (default: from the checkpoint)")
    parser.add_argument('--epochs', type=int,
                        help='of its pre-training (default: from the checkpoint)')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override keys of all configs')
    parser.add_argument('--dry-run', action='store_true', help='print the commands only')
    return parser.parse_args(argv)


def suite_of(text: str) -> list[str]:
    names = [name for name in text.split(',') if name]
    unknown = [name for name in names if name not in SUITE]
    if unknown or not names:
        raise SystemExit(f'error: --suite expects some of {",".join(SUITE)}, got {text!r}')
    return names


def identity(args: argparse.Namespace) -> dict:
    """Which method, network and schedule the checkpoint is of."""
    from mimco_mm.analysis import effective_epochs
    from mimco_mm.checkpoints import CheckpointError, describe, network_name
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


def commands(args: argparse.Namespace, network: str, work_dir: Path) -> dict[str, list[str]]:
    """Folder of the results -> command, for what has a config for this network."""
    planned = {}
    for name in suite_of(args.suite):
        if name in TRAINED:
            config = CONFIGS / TRAINED[name].format(network=network)
            planned[name] = trained(args, config, work_dir / name)
        else:
            tool, settings = FROZEN[name]
            for setting, pattern in settings.items():
                folder = f'{name}-{setting}' if setting else name
                config = CONFIGS / pattern.format(network=network)
                planned[folder] = frozen(args, tool, config, work_dir / folder)
    return planned


def trained(args: argparse.Namespace, config: Path, folder: Path) -> list[str]:
    tail = ['--resume', '--cfg-options',
            f'model.backbone.init_cfg.checkpoint={args.checkpoint}', *args.cfg_options]
    if args.slurm:
        return ['env', f'GPUS={args.gpus}', str(ROOT / 'tools/slurm_train.sh'), args.slurm,
                folder.name, str(config), str(folder), *tail]
    return [str(ROOT / 'tools/dist_train.sh'), str(config), str(args.gpus), '--work-dir',
            str(folder), *tail]


def frozen(args: argparse.Namespace, tool: str, config: Path, folder: Path) -> list[str]:
    options = ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    tail = [str(ROOT / 'tools/benchmarks' / tool), str(config), str(args.checkpoint), '--out',
            str(folder / 'results.json'), *options]
    gpus, job = args.gpus, []
    if args.slurm:  # one node's GPUs are enough for features
        gpus = min(gpus, int(os.environ.get('GPUS_PER_NODE', 8)))
        job = ['srun', f'--partition={args.slurm}', f'--job-name={folder.name}', '--ntasks=1',
               f'--gres=gpu:{gpus}', f'--cpus-per-task={8 * gpus}']
    if gpus == 1:
        return [*job, sys.executable, *tail]
    return [*job, sys.executable, '-m', 'torch.distributed.run', '--standalone',
            f'--nproc-per-node={gpus}', *tail]


def run_one(command: list[str], folder: Path) -> str:
    """Run a command unless it is finished; returns what became of it."""
    mark = folder / 'finished'
    if mark.is_file():
        return 'finished before'
    folder.mkdir(parents=True, exist_ok=True)
    print(f'\n{folder.name}: {shlex.join(command)}', flush=True)
    code = subprocess.run(command, check=False).returncode
    if code:
        return f'failed with exit status {code}'
    mark.touch()
    return 'finished'


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    suite_of(args.suite)
    run = identity(args)
    checkpoint = Path(args.checkpoint)
    work_dir = args.work_dir or Path('work_dirs/transfers',
                                     f'{checkpoint.parent.name}_{checkpoint.stem}')
    planned = commands(args, run['network'], work_dir)
    first_node = os.environ.get('NODE_RANK', '0') == '0'
    if not first_node:  # it takes part in the training alone
        planned = {folder: command for folder, command in planned.items() if folder in TRAINED}
    absent = [folder for folder, command in planned.items()
              if not any(Path(word).is_file() for word in command if 'configs' in word)]
    if args.dry_run:
        for folder, command in planned.items():
            print(f'# {folder}: no config for {run["network"]}' if folder in absent
                  else shlex.join(command))
        return
    work_dir.mkdir(parents=True, exist_ok=True)
    if first_node:
        (work_dir / 'run.json').write_text(json.dumps(run, indent=2) + '\n')
    outcomes = {folder: f'no config for {run["network"]}' if folder in absent
                else run_one(command, work_dir / folder) for folder, command in planned.items()}
    print('\n' + '\n'.join(f'{folder}: {outcome}' for folder, outcome in outcomes.items()))
    if first_node:
        report = [sys.executable, str(ROOT / 'tools/benchmarks/report.py'), str(work_dir)]
        subprocess.run(report, check=True)
    if any(outcome.startswith('failed') for outcome in outcomes.values()):
        raise SystemExit(1)


if __name__ == '__main__':
    main()
