"""Arguments that tools share, each written once."""

import os
from argparse import ArgumentParser
from pathlib import Path

NETWORKS = ('swin-t', 'swin-b', 'vit-s', 'vit-b')  # the paper's, by the names of their configs
FIGURES = Path('work_dirs', 'figures')
WORKERS = min(4, os.cpu_count() or 1)  # that decode images, by default


def add_cfg_options(parser: ArgumentParser, what: str) -> None:
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[],
                        metavar='KEY=VALUE', help=what)


def add_gpus(parser: ArgumentParser, more: str = '') -> None:
    parser.add_argument('--gpus', type=int, metavar='N',
                        help=f'processes on this machine, one for each GPU{more} (default: this '
                             'process)')


def add_loading(parser: ArgumentParser, workers: str) -> None:
    """How train and test read their images."""
    parser.add_argument('--no-pin-memory', dest='pin_memory', action='store_false',
                        help='dataloaders without pinned memory')
    parser.add_argument('--no-persistent-workers', dest='persistent_workers',
                        action='store_false', help=workers)


def add_launcher(parser: ArgumentParser, more: str = '') -> None:
    """Who has started the processes of train and test."""
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help=f'what started the processes{more}')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0,
                        help='set by some launchers')


def add_frozen(parser: ArgumentParser, config: str) -> None:
    """What a benchmark of frozen features is of."""
    parser.add_argument('config', help=f'config file, e.g. {config}')
    parser.add_argument('checkpoint', help='of a pre-training run, or of a backbone alone')
    add_gpus(parser)


def add_results(parser: ArgumentParser, benchmark: str) -> None:
    parser.add_argument('--out', type=Path, metavar='FILE.json',
                        help=f'where the results go (default: work_dirs/{benchmark}/, named after '
                             'config and checkpoint)')


def add_picture(parser: ArgumentParser, name: str) -> None:
    parser.add_argument('--out', type=Path, metavar='FILE', default=FIGURES / f'{name}.png',
                        help='picture, PNG, SVG or PDF by its suffix (default: %(default)s)')


def add_checkpoints(parser: ArgumentParser, part: str) -> None:
    """Checkpoints side by side."""
    parser.add_argument('checkpoints', nargs='+', metavar='[TITLE=]CHECKPOINT',
                        help=f'path or URL, and what its {part} is called')


def add_backbones(parser: ArgumentParser, part: str, images: str) -> None:
    """Checkpoints side by side, and the images that they see."""
    add_checkpoints(parser, part)
    parser.add_argument('--data', default='data/imagenet/val', metavar='SOURCE',
                        help=f'{images}: folder, tar, tar:// or lmdb:// (default: %(default)s)')


def add_extraction(parser: ArgumentParser) -> None:
    """How the features of these checkpoints are taken."""
    parser.add_argument('--heads', nargs='+', default=[], metavar='TITLE=N',
                        help='attention heads of ViTs whose files do not tell')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--num-workers', type=int, default=WORKERS,
                        help='processes that decode images (default: a core each, 4 at most)')


def add_suites(parser: ArgumentParser, nargs: str) -> None:
    parser.add_argument('work_dirs', nargs=nargs, type=Path, metavar='WORK_DIR',
                        help='work dirs of tools/transfers/run.sh, one for each checkpoint')


def add_study_data(parser: ArgumentParser) -> None:
    parser.add_argument('--data', '--data-root', dest='data_root', type=Path,
                        default=Path('data/cifar10'),
                        help='folder of train/CLASS and test/CLASS (default: %(default)s)')
    parser.add_argument('--download', action='store_true',
                        help='fetch CIFAR-10 with torchvision into --data, if it is not there')
