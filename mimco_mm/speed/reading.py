"""What makes batches of files ready, without a dataloader: in this process, on one core."""

from pathlib import Path
from typing import Any, Callable, List

from mmengine.config import Config
from mmengine.registry import FUNCTIONS
from mmpretrain.registry import DATASETS
from torch.utils.data import Dataset

from ..options import CONFIGS


def data_config(method: str) -> Config:
    """The pre-training of a Swin-T by 'mimco' or 'teachers/moby', for the images that it takes."""
    return Config.fromfile(CONFIGS / 'pretrain' / f'{method}_swin-t.py')


def image_dataset(folder: Path, pipeline: List[dict], **options: Any) -> Dataset:
    """A folder's images through a pipeline, as runs read them; options are ``ImageFolder``'s."""
    return DATASETS.build(dict(type='ResilientDataset', dataset=dict(
        type='ImageFolder', data_root=str(folder), with_label=False, pipeline=pipeline,
        **options)))


def mimco_batches(folder: Path, batch_size: int) -> Callable[[], dict]:
    """What makes a batch of MimCo ready."""
    cfg = data_config('mimco')
    collate = FUNCTIONS.get(cfg.train_dataloader.collate_fn.type)
    dataset = image_dataset(folder, cfg.train_pipeline)
    rows = [row % len(dataset) for row in range(batch_size)]
    return lambda: collate(dataset.__getitems__(rows))
