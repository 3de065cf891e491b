"""How long the study fine-tunes: its baselines after some numbers of epochs, and who is ahead."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import Dict, List, NamedTuple, Sequence, Tuple

import torch

from ..options import CONFIGS
from ..records import claim, folder_identity, read_json, write_json
from .data import fetch_cifar10, write_held_out
from .plan import ROWS, SIZES, Job
from .running import finetune, pretrain

STARTS = ('scratch', 'simmim')
STUDY = CONFIGS / 'study'
Score = Tuple[int, int, float]  # epochs, seed, accuracy in percent


class Finetunings(NamedTuple):
    """The options of tools/study_finetuning.py.

    Attributes:
        data_root: of train/CLASS and test/CLASS; the latter is not read.
        download: fetch CIFAR-10 where that folder is not there.
        work_dir: folder of runs and results.
        lengths: epochs of fine-tuning.
        seeds: of fine-tuning; pre-training has the first.
        train: images of each class to train on.
        held_out: images of each class to judge by.
        epochs: of pre-training.
    """

    data_root: Path
    download: bool
    work_dir: Path
    lengths: List[int]
    seeds: List[int]
    train: int
    held_out: int
    epochs: int


def compare_lengths(chosen: Finetunings) -> str:
    """Do what is not done yet, a process for each start; returns the table.

    Raises:
        FileNotFoundError: too few images.
        DataError: see ``fetch_cifar10``.
        RecordError: the work dir is of something else.
    """
    if chosen.download:
        fetch_cifar10(chosen.data_root)
    identity = dict(images=folder_identity(chosen.data_root), train=chosen.train,
                    epochs=chosen.epochs, held_out=chosen.held_out, seed=chosen.seeds[0])
    claim(chosen.work_dir / 'settings.json', identity, 'Choose another --out, or remove that one.')
    data = chosen.work_dir / 'data'
    if not data.is_dir():
        write_held_out(chosen.data_root, data, chosen.train, chosen.held_out)
    os.environ['OMP_NUM_THREADS'] = '1'
    with ProcessPoolExecutor(len(STARTS), get_context('spawn')) as pool:
        found = dict(zip(STARTS, pool.map(fine_tune, STARTS, [chosen] * len(STARTS))))
    return table(found, sum(1 for _ in (data / 'test').glob('*/*')))


def fine_tune(start: str, chosen: Finetunings) -> List[Score]:
    """The scores of one start."""
    torch.set_num_threads(1)
    row = next(row for row in ROWS if row.name == start)
    size = SIZES['medium']._replace(train=chosen.train, epochs=chosen.epochs)
    checkpoint = None
    if row.config is not None:
        checkpoint = pretrain(Job(row, 'vit', chosen.seeds[0]), size, STUDY, chosen.work_dir)
    found = []
    for epochs in sorted(chosen.lengths):
        folder = chosen.work_dir / f'{epochs}-epochs'
        folder.mkdir(exist_ok=True)
        if not (folder / 'data').exists():
            (folder / 'data').symlink_to(chosen.work_dir / 'data')
        for seed in chosen.seeds:
            job = Job(row, 'vit', seed)
            file = folder / f'{job.name}.json'
            if not file.is_file():
                write_json(file, dict(accuracy=finetune(
                    job, size._replace(finetune_epochs=epochs), checkpoint, STUDY, folder, 0)))
            found.append((epochs, seed, read_json(file)['accuracy']))
    return found


def noise(scores: Sequence[Sequence[float]], images: int) -> float:
    """Points of accuracy by which the starts' means may differ by chance.

    The larger of the seeds' range and two standard errors of a difference of two shares of so many
    images, taken as drawn anew for each start.
    """
    shares = [mean(of_start) / 100 for of_start in scores]
    error = 100 * (sum(share * (1 - share) for share in shares) / images)**0.5
    return max(2 * error, *(max(of_start) - min(of_start) for of_start in scores))


def table(found: Dict[str, List[Score]], images: int) -> str:
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
