"""Peak memory and time of the contrastive loss, against one that keeps all its logits.

Prints a Markdown table: for each number of queries the peak of forward and backward beyond the
inputs, the median time with its range over interleaved repeats, and how far the two are apart
(relative: of the loss, of the gradient's norm). Threads of a CPU: set OMP_NUM_THREADS.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, count, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('--queries', nargs='+', type=count, default=[784, 7680, 30720],
                        metavar='N', help='masked patches of a batch: Swin-T with 16 images, Swin '
                                          'and ViT-B with 256 (default: 784 7680 30720)')
    parser.add_argument('--keys', type=count, default=4096, metavar='K',
                        help='negatives in the queue (default: %(default)s)')
    parser.add_argument('--dim', type=count, default=256, metavar='D',
                        help='width of queries and keys (default: %(default)s)')
    parser.add_argument('--repeats', type=count, default=5, metavar='R',
                        help='timed runs of each (default: %(default)s)')
    parser.add_argument('--device', help='e.g. cpu or cuda (default: a GPU, if there is one)')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    import torch
    from mmengine.device import get_device

    from mimco_mm.speed.loss_memory import HEAD, check_device, memory_row
    device = check_device(args.device or get_device())
    name = (torch.cuda.get_device_name(device) if device.type == 'cuda'
            else f'{device}, threads: {torch.get_num_threads()}')
    print(f'{name}, torch {torch.__version__}, float32, K = {args.keys}, D = {args.dim}, '
          f'{args.repeats} repeats\n\n{HEAD}')
    for queries in args.queries:
        print(memory_row(queries, args.keys, args.dim, device, args.repeats), flush=True)


if __name__ == '__main__':
    run_tool(main)
