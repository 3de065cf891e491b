"""Images per second that one core makes ready, from JPEG files to batches of uint8 pixels.

Decoders alone, mmpretrain's own transforms and the pipelines of configs/ take turns on one thread;
times are CPU times of the process. MimCo's own pipeline leaves flips to the device. Quality is the
PSNR against the same crops and flips after a full decode and a resize by Pillow. Writes FILE.json
and prints a Markdown table.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('folder', type=Path, help='JPEGs at any depth, e.g. data/imagenet/val')
    parser.add_argument('--images', type=int, default=240, metavar='N',
                        help='so many of them, evenly spaced (default: %(default)s)')
    parser.add_argument('--batch-size', type=int, default=64, metavar='B',
                        help='(default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=7, metavar='R',
                        help='turns of each row (default: %(default)s)')
    parser.add_argument('--out', type=Path, metavar='FILE.json',
                        default=Path('work_dirs', 'feeding.json'), help='(default: %(default)s)')
    args = parser.parse_args(argv)
    if min(args.images, args.batch_size, args.rounds) < 1:
        parser.error('expected --images, --batch-size and --rounds from 1 up')
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.datasets import list_images
    from mimco_mm.records import write_json
    from mimco_mm.speed import feeding_markdown
    from mimco_mm.speed.pipelines import SUFFIXES, measure_feeding
    try:
        list_images(args.folder, SUFFIXES)
    except FileNotFoundError as error:
        sys.exit(f'error: {error}; expected a folder of photographs, e.g. data/imagenet/val')
    rows = measure_feeding(args.folder, args.images, args.batch_size, args.rounds)
    write_json(args.out, rows)
    print(f'{feeding_markdown(rows)}\nIn figures: {args.out}')


if __name__ == '__main__':
    run_tool(main)
