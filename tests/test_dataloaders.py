"""One batch through dataset, workers' collating and preprocessor of each kind of config."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS

from tests import tiny

VIEWS = {'mimco_swin-t': 1, 'mimco_vit-s': 1, 'ablations/mimco_swin-t_no-mask': 1,
         'teachers/moby_swin-t': 2, 'teachers/mocov3_vit-s': 2}


@pytest.mark.parametrize('name', VIEWS)
def test_batch__has_the_views_that_the_algorithm_expects(name, tmp_path):
    cfg = Config.fromfile(tiny.CONFIGS / 'pretrain' / f'{name}.py')
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.train_dataloader.dataset.dataset.data_root = str(tiny.write_images(tmp_path, 4))
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
        preprocessor = MODELS.build(cfg.data_preprocessor)
    data = preprocessor(next(iter(loader)), training=True)
    views = data['inputs'] if VIEWS[name] == 2 else [data['inputs']]
    assert len(views) == VIEWS[name] and len(data['data_samples']) == 2
    for view in views:
        assert view.shape == (2, 3, 224, 224) and view.dtype == torch.float32
        assert -2.2 < view.min() < view.max() < 2.7  # ImageNet's normalisation of 0 and 255
