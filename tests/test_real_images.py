"""The real pipelines on real ImageNet photographs, where a folder or tar of them is at hand."""

import os
import tarfile
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import DATASETS

SAMPLES = Path(os.environ.get(
    'MIMCO_SAMPLES', Path(__file__).parents[2] / 'shared' / 'data' / 'imagenet-samples.tar'))
CONFIGS = Path(__file__).parents[1] / 'configs' / 'pretrain'


@pytest.fixture(scope='module')
def photographs(tmp_path_factory) -> Path:
    if not SAMPLES.is_file():
        pytest.skip(f'no {SAMPLES}; set MIMCO_SAMPLES to a tar of JPEGs')
    root = tmp_path_factory.mktemp('samples')
    with tarfile.open(SAMPLES) as tar:
        tar.extractall(root / 'train', filter='data')
    return root


@pytest.mark.parametrize('name, views', [('mimco_swin-t', 1), ('teachers/moby_swin-t', 2),
                                         ('teachers/mocov3_vit-s', 2)])
def test_pipeline__reads_every_photograph(name, views, photographs):
    cfg = Config.fromfile(CONFIGS / f'{name}.py').train_dataloader.dataset
    cfg.dataset.data_root = str(photographs)
    dataset = DATASETS.build(cfg)
    assert len(dataset) == len(list(photographs.rglob('*.JPEG'))) > 0
    for index in range(0, len(dataset), 7):
        sample = dataset[index]
        images = sample['inputs'] if views == 2 else [sample['inputs']]
        assert len(images) == views
        assert all(image.shape == (3, 224, 224) and image.dtype == torch.uint8
                   for image in images)
        assert 'broken_images' not in sample['data_samples']
        assert views == 2 or sample['data_samples'].mask.sum() == 30
