"""What is read of images by their address, and which of them --data takes."""

from pathlib import Path

from mmengine import fileio
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS

from mimco_mm.datasets import list_images
from mimco_mm.options import apply_shortcuts, load_config
from mimco_mm.options.data import innermost_dataset


def contents(address: str) -> dict[str, bytes]:
    return {name: fileio.get(f'{address}/{name}') for name in list_images(address).names}


def labelled(root: str, part: str):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return DATASETS.build(dict(type='LabelledImages', data_root=root, data_prefix=part,
                                   pipeline=[], test_mode=True))


def classes_of(images) -> dict[str, str]:
    """Name of each image -> its class."""
    found = (images.get_data_info(row) for row in range(len(images)))
    return {Path(each['img_path']).name: images.metainfo['classes'][each['gt_label']]
            for each in found}


def trained_on(source: object) -> str:
    """Which images --data takes, of a pre-training."""
    cfg = load_config('configs/pretrain/mimco_swin-t.py')
    apply_shortcuts(cfg, dict(data=str(source)))
    dataset = innermost_dataset(cfg.train_dataloader)
    return '/'.join(filter(None, (dataset.data_root, dataset.data_prefix)))
