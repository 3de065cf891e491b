"""Table 6's sweep: fine-tune one checkpoint for each pair of drop path rate and layer decay.

The runs follow each other, each in a folder of its own under the work dir. What is finished is not
done again, and a run that was interrupted is resumed: the same command goes on where it stopped. A
run of another checkpoint or with other options is refused. Prints the top-1 accuracy of each run's
last evaluation, the best of all, and the paper's figure where it is of the same data and schedule;
writes results.json.

Example:
  python tools/transfers/table6.py configs/benchmarks/imagenet/swin-t.py \\
      work_dirs/mimco_swin-t/backbone_epoch_100.pth --gpus 8 --dry-run
"""

import argparse
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import ROOT, Parser, count, run_tool


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
    parser.add_argument('--data-root', metavar='DIR',
                        help="folder of train/CLASS and val/CLASS (default: the config's)")
    parser.add_argument('--dry-run', action='store_true', help='print the commands, and start none')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='more options of every run, e.g. optim_wrapper.optimizer.lr=8e-4')
    args = parser.parse_args(argv)
    from mimco_mm.options import find_config
    args.config = str(find_config(args.config))
    start = args.checkpoint
    if '://' not in start and not args.dry_run and not Path(start).exists():  # or a hub's folder
        parser.error(f'CHECKPOINT: there is no file {start} (looked in {Path.cwd()})')
    network = Path(args.config).stem
    if args.pairs is None:
        from mimco_mm.tables import TABLE_6_PAIRS
        if network not in TABLE_6_PAIRS:
            parser.error(f'Table 6 has no {network}, but {", ".join(TABLE_6_PAIRS)}: give --pairs')
        args.pairs = list(TABLE_6_PAIRS[network])
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


def main() -> None:
    args = parse_args()
    from mimco_mm.options import load_config
    from mimco_mm.transfers.options import data_root, tell_missing_images
    from mimco_mm.transfers.table6 import Sweep, run_sweep
    sweep = Sweep(ROOT, args.config, args.checkpoint, args.pairs, args.gpus, args.work_dir,
                  args.cfg_options, args.data_root)
    if args.dry_run:
        for pair in sweep.pairs:
            print(shlex.join(sweep.command(pair)))
        tell_missing_images(args.data_root or data_root(load_config(args.config)),
                            '--data-root DIR')
        return
    print(f'Results are in {run_sweep(sweep)}')


if __name__ == '__main__':
    run_tool(main, goes_on=True)
