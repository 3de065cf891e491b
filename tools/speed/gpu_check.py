"""What one GPU can tell in minutes: eight parts, each in a process of its own, the riskiest first.

Needs no network and no data. Prints each finding when it is there, then a table, and writes a JSON
file that is whole after every finding. Ends with 1 if something failed. docs/gpu.md says how to
read it. --device cpu rehearses all of it with small networks.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, count, run_tool


def numbers(text: str) -> list[int]:
    """Parts by their numbers, e.g. 1,5."""
    found = text.split(',')
    if not all(each in list('12345678') for each in found):
        raise argparse.ArgumentTypeError(f'expected numbers from 1 to 8, e.g. 1,5, got {text!r}')
    return [int(each) for each in found]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('--device', choices=('cuda', 'cpu'), default='cuda',
                        help='cpu: a rehearsal (default: cuda)')
    parser.add_argument('--parts', type=numbers, default=list(range(1, 9)), metavar='N,N',
                        help='by their numbers, in this order (default: all)')
    parser.add_argument('--batch-size', type=count, metavar='B',
                        help='images of a step (default: 256; 2 on a CPU)')
    parser.add_argument('--minutes', type=float, default=8., metavar='M',
                        help='for all parts (default: %(default)g)')
    parser.add_argument('--out', type=Path, default=Path('work_dirs', 'gpu_check.json'),
                        metavar='FILE', help='(default: %(default)s)')
    return parser.parse_args(argv)


def main() -> None:
    args = parse_args()
    from mimco_mm.speed.gpu_check.report import markdown, worst
    from mimco_mm.speed.gpu_check.rows import Setting
    from mimco_mm.speed.gpu_check.running import check, gpus
    if args.device == 'cuda' and not gpus():
        sys.exit('error: nvidia-smi finds no GPU here. `--device cpu` rehearses the check without '
                 'one; `nvidia-smi` says what is wrong with one that is there.')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the part that runs ends as well
    batch_size = args.batch_size or (256 if args.device == 'cuda' else 2)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = check(
            Setting(args.device, batch_size, Path(folder)), args.parts, 60 * args.minutes, args.out,
            lambda title, row: print(f'{row.outcome:8}{title}: {row.what}: {row.told}', flush=True))
    print(f'\n{markdown(found)}\n\nIn figures: {args.out}')
    sys.exit(worst(found) == 'fail')


if __name__ == '__main__':
    run_tool(main)
