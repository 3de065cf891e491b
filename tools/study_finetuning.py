"""How long the small study fine-tunes, chosen by its baselines on training images alone.

A ViT that SimMIM has pre-trained and one of no pre-training are fine-tuned for each of some numbers
of epochs, and judged by the last training images of each class, on which nothing trains. The
shortest that ranks the two beyond noise serves: their means lie further apart than the seeds of
either, and than two standard errors of so many images. A process for each start; what is done is
not done again.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import ROOT, Parser, count, run_tool

STARTS = ('scratch', 'simmim')
CONFIGS = ROOT / 'configs' / 'study'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('--data', '--data-root', dest='data_root', type=Path,
                        default=Path('data/cifar10'),
                        help='folder of train/CLASS and test/CLASS (default: %(default)s)')
    parser.add_argument('--out', '--work-dir', dest='work_dir', type=Path,
                        default=Path('work_dirs/study_finetuning'), help='default: %(default)s')
    parser.add_argument('--lengths', nargs='+', type=count, default=[5, 10, 20, 40], metavar='N',
                        help='epochs of fine-tuning (default: 5 10 20 40)')
    parser.add_argument('--seeds', nargs='+', type=int, default=[99, 100],
                        help='of fine-tuning; pre-training has the first (default: 99 100)')
    parser.add_argument('--train', type=count, default=500,
                        help='images of each class to train on (default: %(default)s)')
    parser.add_argument('--held-out', type=count, default=1000,
                        help='images of each class to judge by (default: %(default)s)')
    parser.add_argument('--epochs', type=count, default=20,
                        help='of pre-training (default: %(default)s)')
    args = parser.parse_args(argv)
    args.work_dir = args.work_dir.resolve()
    return args


def fine_tune(start: str, args: argparse.Namespace) -> list[tuple[int, int, float]]:
    """All (epochs, seed, accuracy in percent) of one start."""
    import torch

    from mimco_mm.records import read_json, write_json
    from mimco_mm.study import ROWS, SIZES, Job
    from mimco_mm.study.running import finetune, pretrain
    torch.set_num_threads(1)
    row = next(row for row in ROWS if row.name == start)
    size = SIZES['medium']._replace(train=args.train, epochs=args.epochs)
    checkpoint = None
    if row.config is not None:
        checkpoint = pretrain(Job(row, 'vit', args.seeds[0]), size, CONFIGS, args.work_dir)
    found = []
    for epochs in sorted(args.lengths):
        folder = args.work_dir / f'{epochs}-epochs'
        folder.mkdir(exist_ok=True)
        if not (folder / 'data').exists():
            (folder / 'data').symlink_to(args.work_dir / 'data')
        for seed in args.seeds:
            job = Job(row, 'vit', seed)
            file = folder / f'{job.name}.json'
            if not file.is_file():
                write_json(file, dict(accuracy=finetune(
                    job, size._replace(finetune_epochs=epochs), checkpoint, CONFIGS, folder, 0)))
            found.append((epochs, seed, read_json(file)['accuracy']))
    return found


def noise(scores: list[list[float]], images: int) -> float:
    """Points of accuracy by which the starts' means may differ by chance.

    The larger of the seeds' range and two standard errors of a difference of two shares of so many
    images, taken as drawn anew for each start.
    """
    shares = [mean(of_start) / 100 for of_start in scores]
    error = 100 * (sum(share * (1 - share) for share in shares) / images)**0.5
    return max(2 * error, *(max(of_start) - min(of_start) for of_start in scores))


def table(found: dict[str, list], images: int) -> str:
    """Scores of each number of epochs, the starts' difference, its noise, and the ranking."""
    lines = [f'| epochs | {" | ".join(STARTS)} | difference | noise | ranked |', '|---' * 6 + '|']
    for epochs in sorted({length for length, _, _ in found[STARTS[0]]}):
        scores = [[accuracy for length, _, accuracy in found[start] if length == epochs]
                  for start in STARTS]
        apart, by_chance = mean(scores[1]) - mean(scores[0]), noise(scores, images)
        cells = ' | '.join(', '.join(f'{score:.2f}' for score in of_start) for of_start in scores)
        lines.append(f'| {epochs} | {cells} | {apart:+.2f} | {by_chance:.2f} | '
                     f'{"yes" if abs(apart) > by_chance else "no"} |')
    return '\n'.join(lines)


def main() -> None:
    args = parse_args()
    from mimco_mm.records import folder_identity, stored_record, write_json
    from mimco_mm.study import write_held_out
    file = args.work_dir / 'settings.json'
    identity = dict(images=folder_identity(args.data_root), train=args.train, epochs=args.epochs,
                    held_out=args.held_out, seed=args.seeds[0])
    if stored_record(file, identity, 'Choose another --out, or remove that one.') is None:
        args.work_dir.mkdir(parents=True, exist_ok=True)
        write_json(file, dict(identity=identity))
    if not (args.work_dir / 'data').is_dir():
        write_held_out(args.data_root, args.work_dir / 'data', args.train, args.held_out)
    os.environ['OMP_NUM_THREADS'] = '1'
    with ProcessPoolExecutor(len(STARTS), get_context('spawn')) as pool:
        found = dict(zip(STARTS, pool.map(fine_tune, STARTS, [args] * len(STARTS))))
    images = sum(1 for _ in (args.work_dir / 'data' / 'test').glob('*/*'))
    print(table(found, images))


if __name__ == '__main__':
    run_tool(main)
