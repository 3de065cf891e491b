"""The demo: teacher, student and SimMIM on small crops of photographs, and what came of them."""

import logging
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, NamedTuple, Optional

from mmengine.logging import MMLogger

from ..checkpoints import sha256_of
from ..datasets.photo_crops import write_photo_crops
from ..errors import UserError
from ..evaluation import knn_accuracy
from ..figures import plot_runs
from ..options import CONFIGS, as_option
from ..progress import progress
from ..records import claim, config_sha256, folder_identity, read_json, write_json
from ..tables import read_scalars
from .demo_features import draw_neighbours, judge

TEACHER, SIMMIM, MIMCO, RANDOM = 'MoBY (teacher)', 'SimMIM', 'MimCo', 'random init'
RUNS = {  # title -> config; the teacher first, for MimCo reads it
    TEACHER: 'moby_swin-micro',
    SIMMIM: 'simmim_swin-micro',
    MIMCO: 'mimco_swin-micro',
}
SHOWN = [RANDOM, SIMMIM, TEACHER, MIMCO]
MEND = 'Choose another --work-dir, or remove that one.'


class Demo(NamedTuple):
    """The options of tools/demo.py, by their names there.

    Attributes:
        work_dir: of data, runs and results.
        epochs: of each stage.
        data_root: of train/CLASS and test/CLASS; None for crops of photographs.
        seed: of data and training.
        root: folder of ``tools``.
    """

    work_dir: Path
    epochs: int
    data_root: Optional[Path]
    seed: int
    root: Path

    @property
    def images(self) -> Path:
        return (self.data_root or self.work_dir / 'data').resolve()

    def checkpoint(self, title: str) -> Path:
        return self.work_dir / RUNS[title] / f'epoch_{self.epochs}.pth'

    @staticmethod
    def config(title: str) -> Path:
        return CONFIGS / 'study' / f'{RUNS.get(title, RUNS[SIMMIM])}.py'


def run_demo(demo: Demo) -> str:
    """Do what is not done yet; returns what to read of it.

    Raises:
        RecordError: the work dir is of something else.
        UserError: a training stopped.
    """
    claim(demo.work_dir / 'settings.json', dict(
        data=str(demo.images), epochs=demo.epochs, seed=demo.seed,
        # crops of our own follow from the seed
        images=folder_identity(demo.data_root) if demo.data_root else None), MEND)
    done = measured(demo, demo.work_dir / 'results.json')
    lines = [f'\nk-NN accuracy of frozen features, {demo.epochs} epochs a stage, seed {demo.seed}:',
             *(f'  {title:15} {done["accuracies"][title]:5.1f} %' for title in SHOWN),
             f'Measured in {done["seconds"]:.0f} s. Results and pictures are in {demo.work_dir}']
    return '\n'.join(lines)


def measured(demo: Demo, file: Path) -> dict:
    """The stored results, unless a checkpoint is another one since; else new ones."""
    stored = read_json(file) if file.is_file() else {}
    files = {title: demo.checkpoint(title) for title in RUNS}
    if stored and all(sha256_of(path) == stored.get('checkpoints', {}).get(title)
                      for title, path in files.items() if path.is_file()):
        return stored
    started = time.time()
    accuracies = measure(demo)
    results = dict(accuracies=accuracies, seconds=time.time() - started,
                   checkpoints={title: sha256_of(path) for title, path in files.items()})
    write_json(file, results)
    return results


def measure(demo: Demo) -> Dict[str, float]:
    """Data, both stages, baseline, judgement and pictures; returns the k-NN accuracies."""
    MMLogger.get_instance('demo').setLevel(logging.WARNING)  # not a line for each tensor's init
    if not demo.images.is_dir():
        print('Cutting crops from photographs')
        print(write_photo_crops(demo.work_dir / 'data', seed=demo.seed))
    checkpoints = {RANDOM: None, **{title: train(title, demo) for title in RUNS}}
    found = {title: judge(title, demo.config(title), checkpoints[title], demo.images, demo.seed)
             for title in SHOWN}
    accuracies = {title: knn_accuracy(*found[title].test, *found[title].train) for title in SHOWN}
    runs = {title: read_scalars(demo.work_dir / name) for title, name in RUNS.items()}
    plot_runs(runs, accuracies).savefig(demo.work_dir / 'curves.png', dpi=120)
    neighbours = draw_neighbours({title: found[title] for title in (SIMMIM, MIMCO)})
    neighbours.savefig(demo.work_dir / 'neighbours.png', dpi=120)
    return accuracies


def train(title: str, demo: Demo) -> Path:
    """Train one config in its own process, under a progress bar; returns the last checkpoint."""
    checkpoint = demo.checkpoint(title)
    work_dir, config = checkpoint.parent, demo.config(title)
    options = [
        as_option('train_dataloader.dataset.dataset.data_root', demo.images),
        f'train_cfg.max_epochs={demo.epochs}', f'param_scheduler.0.end={demo.epochs}',
        f'randomness.seed={demo.seed}', 'default_hooks.logger.interval=5'
    ]
    identity = dict(config_sha256=config_sha256(config), options=options)
    if title == MIMCO:
        teacher = demo.checkpoint(TEACHER)
        options.append(as_option('model.target_generator.checkpoint', teacher))
        identity.update(teacher_sha256=sha256_of(teacher))
    claim(work_dir / 'record.json', identity, MEND)
    if not checkpoint.is_file():
        print(f'{title}: {demo.epochs} epochs, log in {work_dir / "stdout.log"}')
        command = [sys.executable, str(demo.root / 'tools' / 'train.py'), str(config),
                   '--work-dir', str(work_dir), '--resume', '--cfg-options', *options]
        run_shown(title, command, work_dir, demo.epochs)
    return checkpoint


def run_shown(title: str, command: list, work_dir: Path, epochs: int) -> None:
    """Run a training, its output in a file, a bar here; Ctrl-C ends it when it has saved.

    Raises:
        UserError: it stopped; the message has the end of its output.
    """
    log, before = work_dir / 'stdout.log', epochs_done(work_dir)
    with open(log, 'w') as output, subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            for _ in progress(ended_epochs(process, work_dir, before, epochs), epochs, 'epochs',
                              size=int, done=before):
                pass
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)  # which a terminal has sent it already
            process.wait()
            raise
    if process.returncode:
        raise UserError(f'{title} stopped (exit {process.returncode}); the end of {log}:\n'
                        + '\n'.join(log.read_text().splitlines()[-15:]))


def epochs_done(work_dir: Path) -> int:
    """Epochs before the one that was last logged."""
    return max((scalars['epoch'] for scalars in read_scalars(work_dir)), default=1) - 1


def ended_epochs(process: subprocess.Popen, work_dir: Path, before: int,
                 epochs: int) -> Iterator[int]:
    """Until a training ends: how many epochs have ended since it was last looked."""
    while process.poll() is None:
        time.sleep(2)
        done = max(epochs_done(work_dir), before)
        yield done - before
        before = done
    yield epochs - before if process.returncode == 0 else 0
