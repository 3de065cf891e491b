"""Time a training step of MimCo beside those of mmpretrain's SimMIM, and of MoBY or MoCo v3.

All of one backbone take turns in one process, on noise, with one batch size and precision; ratios
are to SimMIM of mmpretrain's own layers. Under each table: the shares of MimCo's step, and the
rates of this machine that its floors come from. Writes FILE.json and prints Markdown tables.
"""

import argparse
import json
import logging
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import ROOT, Parser, run_tool

BACKBONES = ('swin-t', 'swin-b', 'vit-s', 'vit-b')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('backbones', nargs='*', choices=[*BACKBONES, []], metavar='BACKBONE',
                        help=f'of {", ".join(BACKBONES)} (default: all)')
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
    args.backbones = args.backbones or list(BACKBONES)
    return args


def reading(folder: Path, batch_size: int):
    """What makes a batch ready, in this process."""
    from mmengine.config import Config
    from mmengine.registry import FUNCTIONS
    from mmpretrain.registry import DATASETS
    cfg = Config.fromfile(ROOT / 'configs' / 'pretrain' / 'mimco_swin-t.py')
    collate = FUNCTIONS.get(cfg.train_dataloader.collate_fn.type)
    dataset = DATASETS.build(dict(type='ResilientDataset', dataset=dict(
        type='ImageFolder', data_root=str(folder), with_label=False,
        pipeline=cfg.train_pipeline)))
    rows = [row % len(dataset) for row in range(batch_size)]
    return lambda: collate(dataset.__getitems__(rows))


def measure(backbone: str, args: argparse.Namespace) -> dict:
    import torch

    from mimco_mm.speed import PeakMemory, TrainingStep, count_work, shares, step_rows, take_turns
    from mimco_mm.speed.methods import MIMCO, methods
    device = torch.device(args.device)
    dtype = torch.bfloat16 if args.precision == 'bfloat16' else None
    rows = methods(backbone, args.teacher_dtype)
    with tempfile.TemporaryDirectory() as folder:
        steps = {row: TrainingStep(config, args.batch_size, device, dtype, faster, Path(folder))
                 for row, (_, config, faster) in rows.items()}
    seconds = take_turns(steps, args.repeats, device)
    counted = {method: count_work(steps[row]) for row, (method, _, faster) in rows.items()
               if not faster}
    memory = {}
    for row, step in steps.items():
        with PeakMemory(device) as peak:
            step()
        memory[row] = peak.bytes
    table = step_rows(seconds, args.batch_size, memory,
                      {row: counted[method] for row, (method, *_) in rows.items()})
    parts = take_turns(dict(step=steps[MIMCO], **steps[MIMCO].parts()), args.repeats, device)
    result = dict(backbone=backbone, rows=table, shares=shares(parts.pop('step'), parts))
    if args.images:
        times = take_turns(dict(data=reading(args.images, args.batch_size)), args.repeats, device)
        result['core_seconds_of_data'] = statistics.median(times['data'])
    return result


def rates_of(args: argparse.Namespace) -> tuple[float, float]:
    """Operations and bytes a second."""
    import torch

    from mimco_mm.models.acceleration import accelerate
    from mimco_mm.speed import bandwidth, matrix_rate
    device, dtype = torch.device(args.device), getattr(torch, args.precision)
    layer = accelerate(torch.nn.Sequential(torch.nn.Linear(4096, 4096))).to(device, dtype)
    with torch.no_grad():
        return matrix_rate(layer, torch.randn(4096, 4096, device=device, dtype=dtype)), bandwidth(
            device)


def report(result: dict, rates: tuple, args: argparse.Namespace) -> str:
    from mimco_mm.speed import shares_in_words, step_markdown
    parts = shares_in_words(result['shares'])
    data = result.get('core_seconds_of_data')
    data = f'; reading a batch: {data:.3f} s of one core' if data else ''
    return (f'\n{result["backbone"]}, {args.batch_size} images, {args.precision}, {args.device}\n\n'
            f'{step_markdown(result["rows"], *rates)}\n\nMimCo\'s step: {parts}{data}. '
            f'Rates: {rates[0] / 1e12:.3f} T operations/s, {rates[1] / 1e9:.1f} GB/s.')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    import torch
    from mmengine.device import get_device
    from mmengine.registry import init_default_scope

    import mimco_mm  # noqa: F401
    init_default_scope('mmpretrain')
    logging.disable(logging.WARNING)  # of every parameter that the optimizer skips
    args.device = args.device or get_device()
    torch.manual_seed(0)
    rates = rates_of(args)
    results = []
    for backbone in args.backbones:
        results.append(measure(backbone, args))
        print(report(results[-1], rates, args), flush=True)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(dict(
            batch_size=args.batch_size, precision=args.precision, device=args.device,
            operations_per_s=rates[0], bytes_per_s=rates[1], threads=torch.get_num_threads(),
            torch=torch.__version__, results=results), indent=2) + '\n')
    print(f'\nIn figures: {args.out}')


if __name__ == '__main__':
    run_tool(main)
