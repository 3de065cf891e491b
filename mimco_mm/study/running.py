"""One job of the small study: pre-training, then k-NN, linear probe and fine-tuning."""

import logging
import time
from pathlib import Path
from typing import Dict, Optional, Tuple

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS, RUNNERS
from torch.nn import functional as F

from ..checkpoints import sha256_of
from ..datasets import list_images
from ..evaluation import extract_features, knn_accuracy, labelled_folder, load_frozen_backbone
from ..records import claim, config_sha256, read_json, write_json
from .plan import TEACHER, Job, Size

IMAGE_SIZE = 32
RECORD = 'record.json'


def run_job(job: Job, size: Size, configs: Path, work_dir: Path, num_workers: int = 0,
            commit: Optional[str] = None) -> dict:
    """Do what is not done yet of a job; returns its results.

    Args:
        job: what to train.
        size: how long.
        configs: the folder configs/study.
        work_dir: of the whole study, with the images under data/{train,test}/CLASS.
        num_workers: processes that read the images to be judged by.
        commit: of the code, noted with the results.

    Returns:
        row, network, seed, epochs, the metrics in percent, seconds of each part, commit and hashes
        of the configs; they are also in ``results.json`` of the job's folder, which says that the
        job is done.

    Raises:
        RecordError: the folder holds a job of other configs, or of another teacher.
    """
    folder = work_dir / job.name
    file, record = folder / 'results.json', folder / RECORD
    identity = job_identity(job, size, configs, work_dir)
    claim(record, identity, f'Remove {folder}, and what else is of the old one.')
    if file.is_file():
        return read_json(file)
    times, checkpoint = {}, None
    started = time.time()
    if job.row.config is not None:
        checkpoint = pretrain(job, size, configs, work_dir)
        times['pre-training'] = time.time() - started
    scores, times['frozen'] = timed(frozen_scores, job, checkpoint, configs, work_dir, num_workers)
    scores['finetune'], times['fine-tuning'] = timed(
        finetune, job, size, checkpoint, configs, work_dir, num_workers)
    result = dict(row=job.row.name, network=job.network, seed=job.seed, epochs=job.epochs(size),
                  **scores, seconds={part: round(s, 1) for part, s in times.items()},
                  commit=commit, configs=identity['configs'])
    write_json(record, dict(
        identity=identity, backbone_sha256=checkpoint and sha256_of(checkpoint)))
    write_json(file, result)
    for spent in (*folder.glob('*/epoch_*.pth'), *folder.glob('*/last_checkpoint')):
        spent.unlink()  # it goes on from none of them any more
    return result


def job_identity(job: Job, size: Size, configs: Path, work_dir: Path) -> dict:
    """What a job's results are of, beside the images and seed that the names tell."""
    names = [f'finetune_{job.network}-micro', *(
        [job.row.config.format(network=job.network)] if job.row.config else [])]
    identity = dict(size=size._asdict(), configs={
        name: config_sha256(configs / f'{name}.py') for name in names})
    if job.row.taught:  # its record outlives its weights
        teacher = read_json(work_dir / teacher_of(job).name / RECORD)
        identity['teacher_sha256'] = teacher.get('backbone_sha256')
    return identity


def teacher_of(job: Job) -> Job:
    return Job(TEACHER, job.network, job.seed)


def timed(function, *args) -> Tuple[object, float]:
    started = time.time()
    return function(*args), time.time() - started


def pretrain(job: Job, size: Size, configs: Path, work_dir: Path) -> Path:
    """Train the row's config, or go on with it; returns the backbone's file."""
    epochs = job.epochs(size)
    cfg = Config.fromfile(configs / f'{job.row.config.format(network=job.network)}.py')
    cfg.param_scheduler[0].warmup = epochs / 10  # the paper's share, 10 of 100 epochs
    if job.row.taught:
        cfg.model.target_generator.checkpoint = str(
            backbone_file(teacher_of(job), size, work_dir))
    file = backbone_file(job, size, work_dir)
    cfg.train_dataloader.dataset.dataset.data_root = str(work_dir / 'data')
    train(cfg, job, file.parent, epochs, size.batch_size)
    return file


def backbone_file(job: Job, size: Size, work_dir: Path) -> Path:
    return work_dir / job.name / 'pretrain' / f'backbone_epoch_{job.epochs(size)}.pth'


def train(cfg: Config, job: Job, folder: Path, epochs: int, batch_size: int,
          num_workers: int = 0) -> Runner:
    """Run a config of the study to its end, from where it stands; returns the runner."""
    cfg.work_dir = str(folder)
    cfg.experiment_name = f'{job.name}_{folder.name}'  # mmengine's loggers go by it
    cfg.resume = True
    cfg.randomness.seed = job.seed
    cfg.train_cfg.max_epochs = cfg.param_scheduler[0].end = epochs
    cfg.auto_scale_lr.enable = False  # one rate for every size of the study
    # some to go on from: each formats the config's text, which takes longer than weights
    cfg.default_hooks.checkpoint.update(interval=min(-(-epochs // 2), 5), max_keep_ckpts=1)
    cfg.default_hooks.logger.interval = 10
    cfg.train_dataloader.batch_size = batch_size
    if cfg.get('val_dataloader'):  # images to train on are in memory
        cfg.val_dataloader.num_workers = num_workers
    runner = RUNNERS.build(cfg)
    runner.train()
    return runner


def frozen_scores(job: Job, checkpoint: Optional[Path], configs: Path, work_dir: Path,
                  num_workers: int) -> Dict[str, float]:
    """k-NN (k = 20, T = 0.07) and linear accuracy of the frozen features, in percent.

    The linear classifier is scikit-learn's logistic regression on standardised features: the
    optimum of a convex problem, so that no schedule has to be found for each method.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(configs / f'finetune_{job.network}-micro.py')
    backbone = start_of(cfg, job, checkpoint)
    preprocessor = MODELS.build(cfg.data_preprocessor).to(get_device())
    (bank, bank_labels), (queries, labels) = (
        extract_features(backbone, preprocessor, labelled_folder(
            str(work_dir / 'data'), part, IMAGE_SIZE, num_workers=num_workers))
        for part in ('train', 'test'))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(F.normalize(bank).numpy(), bank_labels.numpy())
    linear = classifier.score(F.normalize(queries).numpy(), labels.numpy())
    knn = knn_accuracy(queries, labels, bank, bank_labels)
    return dict(knn=round(knn, 2), linear=round(100. * linear, 2))


def start_of(cfg: Config, job: Job, checkpoint: Optional[Path]) -> torch.nn.Module:
    """The backbone that is judged: pre-trained, or of random weights drawn from the seed."""
    torch.manual_seed(job.seed)
    if checkpoint is not None:
        return load_frozen_backbone(cfg.model.backbone, str(checkpoint))[0]
    MMLogger.get_instance('frozen backbone').setLevel(logging.WARNING)
    backbone = MODELS.build(cfg.model.backbone)
    backbone.init_weights()
    return backbone.to(get_device())


def finetune(job: Job, size: Size, checkpoint: Optional[Path], configs: Path, work_dir: Path,
             num_workers: int) -> float:
    """Top-1 accuracy in percent after the last epoch of fine-tuning."""
    cfg = Config.fromfile(configs / f'finetune_{job.network}-micro.py')
    if checkpoint is not None:
        cfg.model.backbone.init_cfg = dict(type='PretrainedBackbone', checkpoint=str(checkpoint))
    cfg.param_scheduler[0].warmup = size.finetune_epochs / 10
    data_root = str(work_dir / 'data')
    cfg.train_dataloader.dataset.dataset.data_root = data_root
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = data_root
    classes = len(list_images(work_dir / 'data' / 'train').folders)
    cfg.model.head.num_classes = cfg.data_preprocessor.num_classes = classes
    cfg.train_cfg.val_begin = size.finetune_epochs + 1  # once, below
    runner = train(cfg, job, work_dir / job.name / 'finetune', size.finetune_epochs,
                   size.batch_size, num_workers)
    return round(float(runner.val()['accuracy/top1']), 2)
