"""Train the model of a config file: stage 1, stage 2, a transfer, or anything of OpenMMLab's."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent))
from arguments import add_cfg_options, add_gpus, add_launcher, add_loading
from command_line import Parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='config file or its short name, e.g. mimco_swin-t')
    add_gpus(parser, '; without a GPU they run on the CPU')
    parser.add_argument('--work-dir', type=os.path.expanduser,
                        help='folder of logs and checkpoints (default: work_dir of the config, or '
                             'work_dirs/CONFIG_NAME)')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='go on from CHECKPOINT, a file or a folder; without one from the '
                             'newest in the work dir (from the beginning if it holds none)')
    parser.add_argument('--force-change', nargs='+', action='extend', default=[], metavar='KEY',
                        help='with --resume: go on although these keys are not what they were, '
                             'such as optim_wrapper.clip_grad.max_norm; the error that refuses a '
                             'change names them')
    add_shortcuts(parser)
    parser.add_argument('--dry-run', action='store_true',
                        help='build and check everything, say what would run, where its results '
                             'would go and what memory it needs, and stop')
    parser.add_argument('--amp', choices=['bf16', 'fp16', 'off'],
                        help='mixed precision: bf16, fp16, or off (default: what the config says)')
    parser.add_argument('--no-validate', dest='validate', action='store_false',
                        help='no validation between epochs, of a config that has one: a transfer')
    parser.add_argument('--auto-scale-lr', dest='scale_lr', action='store_true',
                        help='scale the learning rate by the batch size that is really used, of a '
                             'config that does not by itself, as the dense transfers')
    add_loading(parser, 'start the data workers anew in every epoch')
    add_cfg_options(parser, 'set any other key of the config, e.g. '
                            'custom_hooks.HealthHook.interval=100 or model.patch_head=None; a '
                            'part of a list goes by its number or its type')
    add_launcher(parser, ', if not --gpus')
    return parser.parse_args(argv)


def add_shortcuts(parser: argparse.ArgumentParser) -> None:
    """The options that have a name of their own, whatever the config."""
    group = parser.add_argument_group('what is often changed, by one name in every config')
    group.add_argument('--data', metavar='DIR_OR_URL',
                       help='images to train on: any tree of them, a tar, tar://FOLDER or '
                            'lmdb://FOLDER; of a folder with train/ beside val/ or test/, its '
                            'train/')
    group.add_argument('--teacher', metavar='PATH_URL_OR_NAME', action='append',
                       help="checkpoint of the config's frozen teacher; or another teacher: "
                            'timm:NAME, timm:NAME=FILE, hf:OWNER/MODEL or hf:FOLDER; given again, '
                            'a further one for the same student')
    group.add_argument('--batch-size', type=int, metavar='N', help='images of one GPU at a time')
    group.add_argument('--accumulate', type=int, metavar='N',
                       help='batches whose gradients are added up for one step')
    group.add_argument('--epochs', type=int, metavar='N',
                       help='schedule and warm-up keep their share of the run')
    group.add_argument('--lr', type=float, metavar='RATE',
                       help='peak learning rate as it is, not scaled to the batch')
    group.add_argument('--mask-ratio', type=float, metavar='PART',
                       help='part of each image that is masked, e.g. 0.6')
    group.add_argument('--workers', type=int, metavar='N',
                       help='processes that read images, for each GPU')
    group.add_argument('--seed', type=int, metavar='N', help='of all random numbers')
    group.add_argument('--knn', metavar='DIR',
                       help='measure k-NN accuracy while training, on DIR/train/CLASS and '
                            'DIR/val/CLASS')
    group.add_argument('--timeout', type=float, metavar='MINUTES',
                       help='of several processes, how long one may keep the others waiting in a '
                            'step before the run ends and names it (default: 10)')


def end_in_words(number: int, frame: object) -> NoReturn:
    """End by a signal while libraries are loaded; later ``errors_told`` hears them."""
    if 'TORCHELASTIC_ERROR_FILE' not in os.environ:  # else the launcher speaks
        print(f'\nInterrupted by {signal.Signals(number).name} before the run began.',
              file=sys.stderr, flush=True)
    os._exit(128 + number)


def main() -> None:
    args = parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup does
            signal.signal(number, end_in_words)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from mimco_mm.launching import Request
    from mimco_mm.launching.commands import run_training
    from mimco_mm.options import SHORTCUTS
    options = {name: value for name, value in vars(args).items() if name in Request._fields}
    request = Request(**options, shortcuts={name: getattr(args, name) for name in SHORTCUTS})
    run_training(request, args.gpus, __file__)


if __name__ == '__main__':
    main()
