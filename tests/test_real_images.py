"""The real pipelines on real ImageNet photographs, where a folder or tar of them is at hand."""

import os
import tarfile
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS

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
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    loader = cfg.train_dataloader
    loader.update(batch_size=16, num_workers=0, persistent_workers=False, drop_last=False)
    loader.dataset.dataset.data_root = str(photographs)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        loader = Runner.build_dataloader(loader, seed=0)
        preprocessor = MODELS.build(dict(cfg.data_preprocessor, mean=None, std=None))
    count = 0
    for batch in loader:
        data = preprocessor(batch)
        images = data['inputs'] if views == 2 else [data['inputs']]
        assert len(images) == views
        for view in images:
            assert view.shape[1:] == (3, 224, 224)
            assert 0 <= view.amin() and 200 < view.amax() <= 255
        for sample in data['data_samples']:
            assert 'broken_images' not in sample
            assert views == 2 or sample.mask.sum() == 30
        count += len(data['data_samples'])
    assert count == len(list(photographs.rglob('*.JPEG'))) > 0
