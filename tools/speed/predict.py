"""Predict what a training step asks of a GPU, on a machine without one.

One step runs on tensors without values (mimco_mm.speed.simulation). Counted are launches, times
that the host waits for the device, blocking copies, products, bytes moved, and the peak of memory;
from these and the data sheets of some cards follows the least time that a step can take there.
Nothing of it is measured: kernels do not reach the peaks of a card.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, count, run_tool

GIB = 2**30


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', nargs='?', default='mimco_swin-t',
                        help='of configs/pretrain (default: mimco_swin-t)')
    parser.add_argument('--batch-size', type=count, help="images a GPU (default: the config's)")
    parser.add_argument('--gpus', type=count, default=1, help='processes of the run (default: 1)')
    parser.add_argument('--amp', choices=('bf16', 'off'), default='bf16',
                        help='what autocast computes in (default: bf16)')
    parser.add_argument('--plain', action='store_true',
                        help="mmpretrain's and mmengine's own layers and optimizer")
    return parser.parse_args(argv)


def main() -> None:
    args = parse_args()
    import logging

    import torch
    from mmengine.logging import MMLogger

    from mimco_mm.engine import fit_teacher, place_views
    from mimco_mm.options import load_config
    from mimco_mm.speed.roofline import CARDS, fits, least_seconds
    from mimco_mm.speed.simulation import simulate
    MMLogger.get_instance('predict').setLevel(logging.ERROR)
    config = load_config(args.config)
    fit_teacher(config)
    place_views(config, gpu=True)
    images = args.batch_size or config.train_dataloader.batch_size
    step = simulate(config, images, torch.bfloat16 if args.amp == 'bf16' else None, args.gpus,
                    faster=not args.plain)

    print(f'{args.config}: {images} images on '
          f'{"one GPU" if args.gpus == 1 else f"each of {args.gpus} GPUs"}, autocast {args.amp}'
          f'{", plain layers" if args.plain else ""}; predicted, not measured')
    for name, what in (('launches', 'launches'), ('waits', 'waits of the host for the device'),
                       ('blocking', 'copies from the host that it waits for')):
        parts = ', '.join(f'{part} {getattr(counts, name)}' for part, counts in zip(
            ('forward', 'backward', 'optimizer'), step.phases))
        print(f'  {what}: {step.total(name)} ({parts})')
    print(f'  products: {step.total("flops") / 1e12:.2f} TFLOP; moved: '
          f'{step.total("moved") / GIB:.0f} GiB')
    print(f'  memory: {step.peak / GIB:.1f} GiB at most, {step.fixed / GIB:.1f} between steps, '
          "and CUDA's own")
    work = [each for counts in step.phases for each in counts.work]
    for card in CARDS:
        seconds = least_seconds(work, card)
        room = 'fits' if fits(step.peak, card) else 'does not fit'
        print(f'  {card.name} ({card.source}): {room}; a step at least {1000 * seconds:.0f} ms, '
              f'{images / seconds:.0f} images a second at most')


if __name__ == '__main__':
    run_tool(main)
