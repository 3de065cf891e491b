"""MimCo end to end on a few thousand small crops of real photographs, in minutes, on any machine.

Stage 1 (MoBY) trains a teacher; stage 2 (MimCo) and a SimMIM of the same size and length train
students; then the features of all of them, and of a random network, are judged by k-NN. Writes
results.json, curves.png and neighbours.png into the work dir. What is done is not done again, as
long as it is of the same images, options, configs and teacher; else it is refused.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import ROOT, Parser, count, run_tool

CONFIGS = {  # title -> config; the teacher first, for MimCo reads it
    'MoBY (teacher)': 'moby_swin-micro',
    'SimMIM': 'simmim_swin-micro',
    'MimCo': 'mimco_swin-micro',
}
RANDOM = 'random init'
SHOWN = [RANDOM, 'SimMIM', 'MoBY (teacher)', 'MimCo']


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'demo',
                        help='folder of the data, the runs and the results (default: %(default)s)')
    parser.add_argument('--epochs', type=count, default=24,
                        help='epochs of each stage (default: %(default)s)')
    parser.add_argument('--data-root', type=Path, default=None,
                        help='train on these images instead: train/CLASS and test/CLASS of it, '
                             'seen at 32 px (CIFAR-10, for one)')
    parser.add_argument('--seed', type=int, default=0, help='of data and training')
    args = parser.parse_args(argv)
    for part in ('train', 'test'):
        if args.data_root and not (args.data_root / part).is_dir():
            parser.error(f'--data-root: expected the folders train and test, and there is no '
                         f'{args.data_root / part}')
    args.work_dir = args.work_dir.resolve()
    return args


def data_root(args: argparse.Namespace) -> Path:
    return (args.data_root or args.work_dir / 'data').resolve()


def checkpoint_of(title: str, args: argparse.Namespace) -> Path:
    return args.work_dir / CONFIGS[title] / f'epoch_{args.epochs}.pth'


def train(title: str, args: argparse.Namespace) -> Path:
    """Train one config in its own process, under a progress bar; returns the last checkpoint."""
    from mmengine.utils import ProgressBar

    from mimco_mm.checkpoints import sha256_of
    from mimco_mm.options import as_option
    from mimco_mm.records import config_sha256
    from mimco_mm.tables import read_scalars
    checkpoint = checkpoint_of(title, args)
    work_dir = checkpoint.parent
    config = ROOT / 'configs' / 'study' / f'{CONFIGS[title]}.py'
    options = [
        as_option('train_dataloader.dataset.dataset.data_root', data_root(args)),
        f'train_cfg.max_epochs={args.epochs}', f'param_scheduler.0.end={args.epochs}',
        f'randomness.seed={args.seed}', 'default_hooks.logger.interval=5'
    ]
    identity = dict(config_sha256=config_sha256(config), options=options)
    if title == 'MimCo':
        teacher = checkpoint_of('MoBY (teacher)', args)
        options.append(as_option('model.target_generator.checkpoint', teacher))
        identity.update(teacher_sha256=sha256_of(teacher))
    claim(work_dir / 'record.json', identity)
    if checkpoint.is_file():
        return checkpoint
    log = work_dir / 'stdout.log'
    command = [sys.executable, str(ROOT / 'tools' / 'train.py'), str(config), '--work-dir',
               str(work_dir), '--resume', '--cfg-options', *options]
    print(f'{title}: {args.epochs} epochs, log in {log}')
    bar, shown = ProgressBar(args.epochs), 0
    with open(log, 'w') as output, subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT) as process:
        while process.poll() is None:
            time.sleep(2)
            done = max((s['epoch'] for s in read_scalars(work_dir)), default=1) - 1
            bar.update(done - shown) if done > shown else None
            shown = max(shown, done)
    if process.returncode:
        sys.exit(f'\nerror: {title} stopped (exit {process.returncode}); the end of {log}:\n'
                 + '\n'.join(log.read_text().splitlines()[-15:]))
    bar.update(args.epochs - shown)
    print()
    return checkpoint


def judge(title: str, checkpoint: Path | None, args: argparse.Namespace) -> dict:
    """Files, features and labels of train and test, by the backbone of a run or a random one."""
    import torch
    from mmengine.config import Config
    from mmengine.device import get_device
    from mmpretrain.registry import MODELS

    from mimco_mm.checkpoints import load_backbone
    from mimco_mm.evaluation import extract_features, labelled_folder
    name = CONFIGS.get(title, CONFIGS['SimMIM'])
    cfg = Config.fromfile(ROOT / 'configs' / 'study' / f'{name}.py')
    torch.manual_seed(args.seed)
    backbone = MODELS.build(cfg.model.backbone)
    backbone.init_weights()
    if checkpoint is not None:
        print(load_backbone(backbone, str(checkpoint), config_key=title))
    preprocessor = MODELS.build(cfg.data_preprocessor)
    backbone, preprocessor = backbone.to(get_device()), preprocessor.to(get_device())
    found = {}
    for part in ('train', 'test'):
        loader = labelled_folder(str(data_root(args)), part, cfg.model.backbone.img_size)
        found[part] = extract_features(backbone, preprocessor, loader)
        found[f'{part} files'] = [loader.dataset.get_data_info(index)['img_path']
                                  for index in range(len(loader.dataset))]
    return found


def draw_neighbours(found: dict, rows: int = 8, columns: int = 6):
    """For some test images, the nearest training images by SimMIM's and by MimCo's features."""
    import numpy as np
    import torch

    from mimco_mm.datasets import decode
    from mimco_mm.evaluation import nearest_neighbours
    from mimco_mm.figures import plot_neighbours

    def rgb(path: str) -> np.ndarray:
        return decode(Path(path).read_bytes())

    files = {part: found['MimCo'][f'{part} files'] for part in ('train', 'test')}
    picked = torch.linspace(0, len(files['test']) - 1, rows).long()
    images, correct = {}, {}
    for title in ('SimMIM', 'MimCo'):
        (bank, bank_labels), (queries, labels) = found[title]['train'], found[title]['test']
        _, nearest = next(nearest_neighbours(queries[picked], bank, columns))
        correct[title] = (bank_labels[nearest] == labels[picked, None]).numpy()
        images[title] = np.stack([[rgb(files['train'][i]) for i in row] for row in nearest])
    queries = np.stack([rgb(files['test'][i]) for i in picked])
    return plot_neighbours(queries, images, correct)


def run(args: argparse.Namespace) -> dict:
    """Data, both stages, baseline, judgement and pictures; returns the k-NN accuracies."""
    import logging

    from mmengine.logging import MMLogger

    from mimco_mm.datasets.photo_crops import write_photo_crops
    from mimco_mm.evaluation import knn_accuracy
    from mimco_mm.figures import plot_runs
    from mimco_mm.tables import read_scalars
    MMLogger.get_instance('demo').setLevel(logging.WARNING)  # not a line for each tensor's init
    if not data_root(args).is_dir():
        print('Cutting crops from photographs')
        print(write_photo_crops(args.work_dir / 'data', seed=args.seed))
    checkpoints = {RANDOM: None, **{title: train(title, args) for title in CONFIGS}}
    found = {title: judge(title, checkpoints[title], args) for title in SHOWN}
    accuracies = {title: knn_accuracy(*found[title]['test'], *found[title]['train'])
                  for title in SHOWN}
    runs = {title: read_scalars(args.work_dir / name) for title, name in CONFIGS.items()}
    plot_runs(runs, accuracies).savefig(args.work_dir / 'curves.png', dpi=120)
    draw_neighbours(found).savefig(args.work_dir / 'neighbours.png', dpi=120)
    return accuracies


def claim(file: Path, identity: dict) -> None:
    """Keep a folder to one setting: its checkpoints and results must not be another's."""
    from mimco_mm.records import RecordError, stored_record, write_json
    try:
        if stored_record(file, identity, 'Choose another --work-dir, or remove that one.') is None:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file, dict(identity=identity))
    except RecordError as error:
        sys.exit(f'error: {error}')


def settings(args: argparse.Namespace) -> dict:
    """What all of a work dir is of; crops of our own follow from the seed."""
    from mimco_mm.records import folder_identity
    return dict(data=str(data_root(args)), epochs=args.epochs, seed=args.seed,
                images=folder_identity(args.data_root) if args.data_root else None)


def measured(args: argparse.Namespace, file: Path) -> dict:
    """The stored results, unless a checkpoint is another one since; else new ones."""
    from mimco_mm.checkpoints import sha256_of
    from mimco_mm.records import read_json, write_json
    stored = read_json(file) if file.is_file() else {}
    files = {title: checkpoint_of(title, args) for title in CONFIGS}
    if stored and all(sha256_of(path) == stored.get('checkpoints', {}).get(title)
                      for title, path in files.items() if path.is_file()):
        return stored
    started = time.time()
    accuracies = run(args)
    results = dict(accuracies=accuracies, seconds=time.time() - started,
                   checkpoints={title: sha256_of(path) for title, path in files.items()})
    write_json(file, results)
    return results


def main() -> None:
    args = parse_args()
    claim(args.work_dir / 'settings.json', settings(args))
    done = measured(args, args.work_dir / 'results.json')
    print(f'\nk-NN accuracy of frozen features, {args.epochs} epochs a stage, seed {args.seed}:')
    for title in SHOWN:
        print(f'  {title:15} {done["accuracies"][title]:5.1f} %')
    print(f'Measured in {done["seconds"]:.0f} s. Results and pictures are in {args.work_dir}')


if __name__ == '__main__':
    run_tool(main)
