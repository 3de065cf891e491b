"""Peak memory and time of the contrastive loss, against one that keeps all its logits.

Prints a Markdown table: for each number of queries the peak of forward and backward beyond the
inputs, the median time with its range over interleaved repeats, and how far the two are apart
(relative: of the loss, of the gradient's norm). Threads of a CPU: set OMP_NUM_THREADS.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, count, run_tool

TEMPERATURE = 0.2


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


def plain_loss(q, k, queue):
    """Eq. (1) as autograd differentiates it: the logits (N, K) wait for backward."""
    from torch.nn import functional as F
    positive, negatives = (q * k).sum(1) / TEMPERATURE, (q / TEMPERATURE) @ queue.T
    return F.softplus(negatives.logsumexp(1) - positive).mean()


def forward_backward(loss, q, k, queue) -> tuple:
    """(loss, gradient of the queries (N, D)), finished on the device."""
    import torch
    value = loss(q, k, queue)
    gradient, = torch.autograd.grad(value, q)
    if q.is_cuda:
        torch.cuda.synchronize(q.device)
    return value.detach(), gradient


def peak_mib(loss, inputs: tuple) -> float:
    from mimco_mm.speed import PeakMemory
    with PeakMemory(inputs[0].device) as peak:
        forward_backward(loss, *inputs)
    return peak.bytes / 2**20


def interleaved_ms(losses: list, inputs: tuple, repeats: int) -> list[list[float]]:
    """Milliseconds of each run of each loss, in turns."""
    times = [[] for _ in losses]
    for _ in range(repeats):
        for loss, own in zip(losses, times):
            started = time.perf_counter()
            forward_backward(loss, *inputs)
            own.append((time.perf_counter() - started) * 1e3)
    return times


def row(losses: list, queries: int, keys: int, dim: int, device: str, repeats: int) -> str:
    """One line of the table."""
    import torch
    from torch.nn import functional as F
    torch.manual_seed(0)
    inputs = [F.normalize(torch.randn(n, dim, device=device), dim=1)
              for n in (queries, queries, keys)]
    inputs[0].requires_grad_()
    plain, chunked = (forward_backward(loss, *inputs) for loss in losses)
    apart = [((b - a).norm() / a.norm()).item() for a, b in zip(plain, chunked)]
    del plain, chunked
    peaks = [peak_mib(loss, inputs) for loss in losses]
    times = interleaved_ms(losses, inputs, repeats)
    medians = [statistics.median(own) for own in times]
    return ' | '.join([f'| {queries:,}', *(f'{peak:,.1f}' for peak in peaks),
                       f'{peaks[1] / peaks[0]:.3f}',
                       *(f'{median:,.0f} ({min(own):,.0f} to {max(own):,.0f})'
                         for median, own in zip(medians, times)),
                       f'{medians[1] / medians[0]:.2f}', *(f'{x:.0e}' for x in apart)]) + ' |'


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    import torch
    from mmengine.device import get_device

    from mimco_mm.models import InfoNCELoss
    device = args.device or get_device()
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # no such kind, or none of it here
        sys.exit(f'error: --device {device} cannot be used: {str(error).splitlines()[0]}')
    name = (torch.cuda.get_device_name(device) if device.startswith('cuda')
            else f'{device}, threads: {torch.get_num_threads()}')
    print(f'{name}, torch {torch.__version__}, float32, K = {args.keys}, D = {args.dim}, '
          f'{args.repeats} repeats\n')
    print('| queries | plain, MiB | chunked, MiB | ratio | plain, ms | chunked, ms | ratio '
          '| loss apart | gradient apart |\n' + '|' + '--:|' * 9)
    for queries in args.queries:
        print(row([plain_loss, InfoNCELoss(TEMPERATURE)], queries, args.keys, args.dim, device,
                  args.repeats), flush=True)


if __name__ == '__main__':
    run_tool(main)
