"""Test a checkpoint that tools/train.py wrote: its metrics on the config's test images."""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='config file of the training or its short name, e.g. '
                                       'configs/benchmarks/imagenet/swin-t.py')
    parser.add_argument('checkpoint', help='what the training wrote, e.g. epoch_100.pth')
    parser.add_argument('--gpus', type=int, metavar='N',
                        help='processes on this machine, one for each GPU (default: this process)')
    parser.add_argument('--work-dir', help='folder of logs and results.json (default: test/ in '
                                           'work_dir of the config, or in work_dirs/CONFIG_NAME)')
    parser.add_argument('--out', metavar='FILE.pkl', help='write all predictions to this file')
    parser.add_argument('--tta', action='store_true',
                        help='test-time augmentation, by tta_model and tta_pipeline of the config')
    parser.add_argument('--no-pin-memory', dest='pin_memory', action='store_false',
                        help='dataloaders without pinned memory')
    parser.add_argument('--no-persistent-workers', dest='persistent_workers',
                        action='store_false',
                        help='end the data workers after use')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[],
                        metavar='KEY=VALUE',
                        help='set keys of the config, e.g. '
                             'test_dataloader.dataset.data_root=/data')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='what started the processes')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0,
                        help='set by some launchers')
    args = parser.parse_args(argv)
    if args.out is not None and not args.out.endswith(('.pkl', '.pickle')):
        parser.error(f'--out: expected a file that ends in .pkl, got {args.out}')
    return args


def main() -> None:
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from mimco_mm.checkpoints import local_file
    from mimco_mm.evaluation import leave_processes
    from mimco_mm.launching import errors_told
    from mimco_mm.launching.testing import CheckpointTest, requested_test, test
    from mimco_mm.processes import check_launcher, launch, needs_launcher
    request = CheckpointTest(**{name: getattr(args, name) for name in CheckpointTest._fields})
    with errors_told():
        check_launcher(args.launcher)
        cfg = requested_test(request)
        if args.launcher == 'none' and needs_launcher(args.gpus):
            local_file(args.checkpoint)
            launch(args.gpus, __file__, [*sys.argv[1:], '--launcher', 'pytorch'])
        else:
            test(request, cfg)
            leave_processes()


if __name__ == '__main__':
    main()
