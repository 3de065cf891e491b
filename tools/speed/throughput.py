"""Time a training step of MimCo beside those of mmpretrain's SimMIM, and of MoBY or MoCo v3.

All of one backbone take turns in one process, on noise, with one batch size and precision; ratios
are to SimMIM of mmpretrain's own layers. Under each table: the shares of MimCo's step, and the
rates of this machine that its floors come from. Writes FILE.json and prints Markdown tables.
"""

import argparse
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from arguments import NETWORKS
from command_line import Parser, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('backbones', nargs='*', type=backbone, metavar='BACKBONE',
                        help=f'of {", ".join(NETWORKS)} (default: all)')
    parser.add_argument('--batch-size', type=int, default=16, metavar='B',
                        help='images (default: %(default)s; a GPU takes 256)')
    parser.add_argument('--repeats', type=int, default=5, metavar='R',
                        help='turns of each method (default: %(default)s)')
    parser.add_argument('--precision', choices=['float32', 'bfloat16'], default='float32',
                        help='of autocast (default: %(default)s)')
    parser.add_argument('--teacher-dtype', choices=['bfloat16', 'float16'], metavar='DTYPE',
                        help='a further row: MimCo with model.target_generator.dtype=DTYPE')
    parser.add_argument('--images', type=Path, metavar='FOLDER',
                        help='JPEGs, to time making a batch of them ready on one core as well')
    parser.add_argument('--device', help='(default: a GPU if there is one, else cpu)')
    parser.add_argument('--out', type=Path, metavar='FILE.json',
                        default=Path('work_dirs', 'throughput.json'), help='(default: %(default)s)')
    args = parser.parse_args(argv)
    if args.batch_size < 2 or args.repeats < 1:
        parser.error('expected --batch-size from 2 up (BN needs two) and --repeats from 1 up')
    args.backbones = args.backbones or list(NETWORKS)
    return args


def backbone(text: str) -> str:
    if text not in NETWORKS:
        raise argparse.ArgumentTypeError(f'expected one of {", ".join(NETWORKS)}, got {text!r}')
    return text


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    import torch
    from mmengine.device import get_device
    from mmengine.registry import init_default_scope

    from mimco_mm.datasets import list_images
    from mimco_mm.records import write_json
    from mimco_mm.speed.step_comparison import Setting, measure, measured_markdown, rates_of
    if args.images:
        list_images(args.images)  # none there, or no such folder: before minutes of steps
    init_default_scope('mmpretrain')
    logging.disable(logging.WARNING)  # of every parameter that the optimizer skips
    setting = Setting(args.batch_size, args.repeats, args.precision, args.device or get_device(),
                      args.teacher_dtype, args.images)
    torch.manual_seed(0)
    rates = rates_of(setting)
    results = []
    for backbone in args.backbones:
        results.append(measure(backbone, setting))
        print(measured_markdown(results[-1], rates, setting), flush=True)
        write_json(args.out, dict(
            batch_size=setting.batch_size, precision=setting.precision, device=setting.device,
            operations_per_s=rates[0], bytes_per_s=rates[1], threads=torch.get_num_threads(),
            torch=torch.__version__, results=results))
    print(f'\nIn figures: {args.out}')


if __name__ == '__main__':
    run_tool(main)
