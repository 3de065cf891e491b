"""What a second process costs a training step of MimCo, and what the processes send each other.

Two gloo processes of one thread each train on noise, on the CPU. They take turns at three kinds of
step: one process alone; both apart, without a word to each other (what it costs to share the
machine); both together. What is sent is counted where it is handed over.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import ROOT, Parser, count, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', nargs='?', default=ROOT / 'configs/pretrain/mimco_swin-t.py',
                        help='config of MimCo (default: configs/pretrain/mimco_swin-t.py)')
    parser.add_argument('--batch-size', type=count, default=2, help='images a process (default: 2)')
    parser.add_argument('--repeats', type=count, default=5, help='steps of each kind (default: 5)')
    return parser.parse_args(argv)


def main() -> None:
    args = parse_args()
    import torch.multiprocessing as mp

    from mimco_mm.speed.scaling import work
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, (args.config, args.batch_size, args.repeats, folder), 2)


if __name__ == '__main__':
    run_tool(main)
