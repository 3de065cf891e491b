"""Table 6's sweep: fine-tune one checkpoint for each pair of drop path rate and layer decay.

The runs follow each other, each in a folder of its own under the work dir. What is finished is not
done again, and a run that was interrupted is resumed: the same command goes on where it stopped. A
run of another checkpoint or with other options is refused. Prints the best top-1 accuracy of each
run beside the paper's, and writes results.json.

Example:
  python tools/transfers/table6.py configs/benchmarks/imagenet/swin-t.py \\
      work_dirs/mimco_swin-t/backbone_epoch_100.pth --gpus 8 --dry-run
"""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import ROOT, Parser, count, run_tool

# Network -> (drop path rate, layer decay): top-1 accuracy in percent (paper, Table 6)
TABLE_6 = {
    'swin-t': {(0.2, 0.75): 80.94, (0.1, 0.65): 81.58, (0.1, 0.75): 81.66, (0.1, 0.85): 81.61},
    'swin-b': {(0.15, 0.75): 83.79, (0.2, 0.75): 83.88, (0.25, 0.75): 83.80, (0.2, 0.8): 84.04,
               (0.2, 0.85): 83.94},
    'vit-s': {(0.2, 0.75): 82.28, (0.1, 0.65): 82.34, (0.1, 0.75): 82.53, (0.1, 0.85): 82.49},
    'vit-b': {(0.2, 0.65): 83.86, (0.1, 0.65): 83.89, (0.1, 0.7): 83.64, (0.1, 0.75): 83.65},
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='one of configs/benchmarks/imagenet/')
    parser.add_argument('checkpoint', help='the pre-trained backbone')
    parser.add_argument('--pairs', nargs='+', type=pair, metavar='DROP_PATH,LAYER_DECAY',
                        help="e.g. 0.1,0.65 0.1,0.75 (default: the network's rows of Table 6)")
    parser.add_argument('--gpus', type=count, default=8,
                        help='processes of a run (default: %(default)s)')
    parser.add_argument('--work-dir', type=Path,
                        help='default: work_dirs/table6_CONFIG_NAME')
    parser.add_argument('--dry-run', action='store_true', help='print the commands, and start none')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='more options of every run, e.g. optim_wrapper.optimizer.lr=8e-4')
    args = parser.parse_args(argv)
    for name, path, there in (('CONFIG', args.config, Path.is_file),
                              ('CHECKPOINT', args.checkpoint, Path.exists)):  # or a hub's folder
        if '://' not in path and not args.dry_run and not there(Path(path)):
            parser.error(f'{name}: there is no file {path} (looked in {Path.cwd()})')
    network = Path(args.config).stem
    if args.pairs is None:
        if network not in TABLE_6:
            parser.error(f'Table 6 has no {network}, but {", ".join(TABLE_6)}: give --pairs')
        args.pairs = list(TABLE_6[network])
    args.work_dir = args.work_dir or Path('work_dirs', f'table6_{network}')
    return args


def pair(text: str) -> tuple[float, float]:
    try:
        drop_path, decay = map(float, text.split(','))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'expected DROP_PATH,LAYER_DECAY such as 0.1,0.75, got {text!r}') from None
    if not (0 <= drop_path < 1 and 0 < decay <= 1):
        raise argparse.ArgumentTypeError('expected a drop path rate from 0 to below 1 and a layer '
                                         f'decay above 0 to 1, got {text!r}')
    return drop_path, decay


def folder_of(args: argparse.Namespace, drop_path: float, decay: float) -> Path:
    return args.work_dir / f'drop-path-{drop_path:g}_layer-decay-{decay:g}'


def command(args: argparse.Namespace, drop_path: float, decay: float) -> list[str]:
    """The run of one pair; --resume begins it, too."""
    from mimco_mm.options import as_option
    return ['bash', str(ROOT / 'tools' / 'dist_train.sh'), args.config, str(args.gpus),
            '--work-dir', str(folder_of(args, drop_path, decay)), '--resume', '--cfg-options',
            as_option('model.backbone.init_cfg.checkpoint', args.checkpoint),
            f'model.backbone.drop_path_rate={drop_path:g}',
            f'optim_wrapper.paramwise_cfg.layer_decay_rate={decay:g}', *args.cfg_options]


def environment() -> dict:
    """That of the shell, in which `python` is this Python."""
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ.get("PATH", "")}'
    return {**os.environ, 'PATH': path, 'VIRTUAL_ENV': sys.prefix}


def identity(args: argparse.Namespace, line: list[str]) -> dict:
    """What a run is of: its command, and what the files that this names hold."""
    from mimco_mm.checkpoints import CheckpointError, local_file, sha256_of
    try:
        start = local_file(args.checkpoint).sha256
    except CheckpointError as error:
        sys.exit(f'error: {error}')
    return dict(command=shlex.join(line), start_sha256=start,
                config_sha256=sha256_of(Path(args.config)))


def run(args: argparse.Namespace) -> dict:
    """Every pair's result; what is finished is read from its folder."""
    from mimco_mm.records import RecordError, stored_record, write_json
    from mimco_mm.tables import read_logged
    results = {}
    for drop_path, decay in args.pairs:
        folder = folder_of(args, drop_path, decay)
        line = command(args, drop_path, decay)
        print(f'\n$ {shlex.join(line)}', flush=True)
        record = dict(identity=identity(args, line), finished=False)
        try:
            stored = stored_record(folder / 'record.json', record['identity'],
                                   'Choose another --work-dir, or remove that folder.')
        except RecordError as error:
            sys.exit(f'error: {error}')
        if not (stored or record)['finished']:
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / 'record.json', record)
            code = subprocess.run(line, env=environment()).returncode
            if code:
                sys.exit(f'error: this run stopped (exit {code}); its lines above say why, and the '
                         'same command resumes it')
            write_json(folder / 'record.json', dict(record, finished=True))
        result = read_logged(folder, 'imagenet')
        if 'top1' not in result.values:
            sys.exit(f'error: {folder} has no accuracy/top1 in its log: validation was off')
        results[drop_path, decay] = result
        print(f'best top-1 {result.best["top1"]:.2f} %', flush=True)
    return results


def main() -> None:
    args = parse_args()
    if args.dry_run:
        for values in args.pairs:
            print(shlex.join(command(args, *values)))
        return
    from mimco_mm.launching import errors_told
    from mimco_mm.options import apply_options, load_config
    from mimco_mm.records import write_json
    from mimco_mm.tables import objections
    with errors_told():
        apply_options(load_config(args.config), args.cfg_options)
    results = run(args)
    network = Path(args.config).stem
    paper = TABLE_6.get(network, {})
    print(f'\n{"drop path":>10}{"layer decay":>13}{"top-1, %":>10}{"paper":>8}')
    for (drop_path, decay), result in results.items():
        expected, reasons = paper.get((drop_path, decay)), objections(dict(network=network), result)
        print(f'{drop_path:10g}{decay:13g}{result.best["top1"]:10.2f}'
              + (f'{expected:8.2f}' if expected else f'{"-":>8}')
              + (f'  cannot stand beside it: {"; ".join(reasons)}' if reasons else ''))
    args.work_dir.mkdir(parents=True, exist_ok=True)
    out = args.work_dir / 'results.json'
    write_json(out, dict(
        benchmark='table6',
        config=args.config,
        checkpoint=args.checkpoint,
        checkpoint_sha256=next(iter(results.values())).start_sha256,
        command=shlex.join([sys.executable, *sys.argv]),
        data=next(iter(results.values())).data,
        results={f'drop_path={drop_path:g} layer_decay={decay:g}': result.best['top1']
                 for (drop_path, decay), result in results.items()}))
    print(f'Results are in {out}')


if __name__ == '__main__':
    run_tool(main)
