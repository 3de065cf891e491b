"""The baselines share everything with MimCo but the method, and each of them trains."""

import math

import pytest
import torch
from mmengine.config import ConfigDict

from tests import tiny

from .support import build_model, changes, drop_paths, flat, learning_rates, plain, read


@pytest.mark.parametrize('network', ['swin-t', 'vit-b', 'vit-s'])
def test_simmim__differs_from_mimco_in_the_method_alone(network):
    name, other = f'baselines/simmim_{network}', f'mimco_{network}'
    changed = changes(name, other)
    assert {path.split('.')[0] for path in changed} == {'model', 'data_preprocessor'}
    assert {path: changed[path] for path in changed if path.startswith('data_')} == {
        'data_preprocessor.send_samples': (None, True)}
    assert plain(read(name).model.backbone) == plain(read(other).model.backbone)


@pytest.mark.parametrize('network', ['swin-t', 'vit-b'])
def test_simmim__800_epochs_change_nothing_else(network):
    assert changes(f'baselines/simmim_{network}_800e', f'baselines/simmim_{network}') == {
        'param_scheduler.0.end': (100, 800), 'train_cfg.max_epochs': (100, 800)}


@pytest.mark.parametrize('network, width, stride', [
    ('swin-t', 768, 32), ('vit-b', 768, 16), ('vit-s', 384, 16)])
def test_simmim__decodes_every_pixel_and_judges_whole_mask_units(network, width, stride):
    model = build_model(read(f'baselines/simmim_{network}'))
    pixels = model.neck(torch.zeros(1, width, 224 // stride, 224 // stride))
    assert pixels.shape == (1, 3, 224, 224)
    assert model.head.loss(pixels, pixels + 2, torch.ones(1, 7, 7)).item() == pytest.approx(2)


def test_simmim_moby__has_mobys_views_and_mimcos_crop_masks_and_schedule():
    config, moby, mimco = (read(name) for name in (
        'baselines/simmim-moby_swin-t', 'teachers/moby_swin-t', 'mimco_swin-t'))
    _, views, mask, _ = plain(config.train_dataloader.dataset.dataset.pipeline)
    assert views['num_views'] == [1, 1, 1]
    assert views['transforms'][:2] == plain(moby.train_pipeline)[1]['transforms']
    crop, flip = plain(mimco.train_pipeline)[1:3]
    assert views['transforms'][2] == [{**crop, 'type': 'AntialiasedResizedCrop'},
                                      {**flip, 'type': 'RandomHorizontalFlip'}]
    assert mask == plain(mimco.train_pipeline)[3]
    assert learning_rates(config) == learning_rates(mimco)
    for key in ('optim_wrapper', 'auto_scale_lr', 'train_cfg', 'param_scheduler'):
        assert flat(ConfigDict(config[key]) if isinstance(config[key], dict) else config[key]) \
            == flat(mimco[key]), key
    assert config.train_dataloader.batch_size == mimco.train_dataloader.batch_size


def test_simmim_moby__drops_paths_online_alone():
    model = build_model(read('baselines/simmim-moby_swin-t'))
    assert drop_paths(model.backbone) == pytest.approx([0.2 * n / 11 for n in range(12)])
    assert drop_paths(model.key_backbone) == [0.] * 12


def test_simmim_moby__300_epochs_change_nothing_else():
    assert changes('baselines/simmim-moby_swin-t_300e', 'baselines/simmim-moby_swin-t') == {
        'param_scheduler.0.end': (100, 300), 'train_cfg.max_epochs': (100, 300)}


@pytest.mark.parametrize('name', ['simmim_swin-t', 'simmim-moby_swin-t'])
def test_baseline__trains(name, tmp_path):
    root = tiny.write_images(tmp_path / 'data', 8)
    runner = tiny.train(tiny.config(f'baselines/{name}', tmp_path / 'run', root, epochs=2))
    scalars = runner.message_hub.log_scalars
    names = {'train/loss'} if 'moby' not in name else {
        'train/loss_12', 'train/loss_21', 'train/loss_pixel'}
    for scalar in names:
        values = scalars[scalar].data[0]
        assert len(values) == 4 and all(map(math.isfinite, values)), scalar
    assert (tmp_path / 'run' / 'backbone_epoch_2.pth').is_file()
