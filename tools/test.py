"""Test a checkpoint that tools/train.py wrote: its metrics on the config's test images."""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from arguments import add_cfg_options, add_gpus, add_launcher, add_loading
from command_line import Parser, request_of


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='config file of the training or its short name, e.g. '
                                       'configs/benchmarks/imagenet/swin-t.py')
    parser.add_argument('checkpoint', help='what the training wrote, e.g. epoch_100.pth')
    add_gpus(parser)
    parser.add_argument('--work-dir', type=os.path.expanduser,
                        help='folder of logs and results.json (default: test/CHECKPOINT in '
                             'work_dir of the config, or in work_dirs/CONFIG_NAME)')
    parser.add_argument('--out', type=os.path.expanduser, metavar='FILE.pkl',
                        help='write all predictions to this file')
    parser.add_argument('--tta', action='store_true',
                        help='test-time augmentation, by tta_model and tta_pipeline of the config')
    add_loading(parser, 'end the data workers after use')
    add_cfg_options(parser,
                    'set keys of the config, e.g. test_dataloader.dataset.data_root=/data')
    add_launcher(parser)
    args = parser.parse_args(argv)
    if args.out is not None and not args.out.endswith(('.pkl', '.pickle')):
        parser.error(f'--out: expected a file that ends in .pkl, got {args.out}')
    return args


def main() -> None:
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from mimco_mm.launching.commands import run_test
    from mimco_mm.launching.testing import CheckpointTest
    request = request_of(CheckpointTest, args)
    run_test(request, args.gpus, __file__)


if __name__ == '__main__':
    main()
