"""The linear probe: nothing but the head learns; recipes of MoBY and MoCo v3."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from tests.configs.support import CONFIGS, EPOCH_LENGTH, learning_rates, plain
from tests.reference.schedule import warmup_cosine_lr
from tests.transfers import classifiers as small

WIDTHS = {'swin-t': 768, 'swin-b': 1024, 'vit-s': 384, 'vit-b': 768}


def read(name: str) -> Config:
    return Config.fromfile(CONFIGS / 'benchmarks' / 'linear' / f'{name}.py')


@pytest.mark.parametrize('name', WIDTHS)
def test_config__recipe(name):
    cfg = read(name)
    swin = name.startswith('swin')
    optimizer = plain(cfg.optim_wrapper.optimizer)
    if swin:  # MoBY: moby_linear.py
        assert optimizer == dict(type='SGD', lr=1.0, momentum=0.9, nesterov=True, weight_decay=0.)
        length = EPOCH_LENGTH
        assert learning_rates(cfg) == pytest.approx([
            warmup_cosine_lr(step, 5 * length, 100 * length, 1., 5e-7, 5e-6)
            for step in range(100 * length)])
        assert cfg.model.head.loss.label_smooth_val == 0.1
        assert cfg.optim_wrapper.clip_grad.max_norm == 5.0
    else:  # MoCo v3: main_lincls.py --lr=3, batch 1024
        assert optimizer == dict(type='SGD', lr=12., momentum=0.9, weight_decay=0.)
        assert cfg.train_cfg.max_epochs == 90  # by epoch, down to 0
        assert plain(cfg.param_scheduler) == [
            dict(type='CosineAnnealingLR', T_max=90, by_epoch=True)]
        assert 'loss' not in cfg.model.head and cfg.model.backbone.out_type == 'featmap'
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.base_batch_size
    assert cfg.auto_scale_lr.base_batch_size == (512 if swin else 1024)
    assert cfg.model.head.in_channels == WIDTHS[name] and cfg.model.type == 'LinearProbe'
    assert 'augments' not in str(cfg.model)
    assert [t.type for t in cfg.train_dataloader.dataset.dataset.pipeline] == [
        'LoadRGBImage', 'RandomResizedCrop', 'RandomFlip', 'PackInputs']
    cfg.model.backbone.pop('init_cfg')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    assert trained == {'head.fc.weight', 'head.fc.bias'}


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp('linear')
    small.write_images(root / 'data')
    for family in ('swin', 'vit'):
        small.write_backbone(root / f'{family}.pth', family)
    return root


@pytest.mark.parametrize('name', ['swin-t', 'vit-s'])
def test_run__backbone_is_not_touched(name, files, tmp_path):
    family = name.split('-')[0]
    overrides = {'model.backbone.drop_path_rate': 0.5, 'model.backbone.drop_rate': 0.5}
    runner = small.train(small.config(f'linear/{name}', files / 'data', files / f'{family}.pth',
                                      tmp_path, **overrides))
    start = torch.load(files / f'{family}.pth', weights_only=True)['state_dict']
    state = runner.model.state_dict()
    for key, value in start.items():
        assert torch.equal(state[key], value), key
    assert {key for key in state if key not in start} == {'head.fc.weight', 'head.fc.bias'}
    assert not any(parameter.grad is not None for parameter in runner.model.backbone.parameters())
    assert state['head.fc.bias'].any()  # it began as 0
    assert 0 <= runner.message_hub.get_scalar('val/accuracy/top1').current() <= 100


def test_probe__trains_on_the_features_that_are_judged(files):
    cfg = small.config('linear/swin-t', files / 'data', files / 'swin.pth', files)
    cfg.model.backbone.update(drop_path_rate=0.5, init_cfg=None)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
    images = torch.randn(4, 3, 32, 32)
    assert model.train() is model and model.training and model.head.training
    assert not any(module.training for module in model.backbone.modules())
    training = model.extract_feat(images)[-1]
    assert not training.requires_grad
    assert torch.equal(training, model.eval().extract_feat(images)[-1])
    torch.testing.assert_close(training, model.backbone(images)[-1].mean((2, 3)))


def test_probe__of_the_class_token(files, tmp_path):
    cfg = small.config('linear/vit-s', files / 'data', files / 'vit.pth', tmp_path)
    cfg.merge_from_dict({'model.backbone.out_type': 'cls_token', 'model.neck': None})
    cfg.model.backbone.init_cfg = None
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 3)
