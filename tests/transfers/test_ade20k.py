"""UPerNet on ADE20K: recipes.md section 6, and a whole run of it."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mimco_mm.checkpoints import CheckpointError, save_backbone
from mimco_mm.datasets.transfer_data import TransferDataError
from mimco_mm.launching import Request
from mimco_mm.launching.run_config import complete

from ..configs.support import drop_paths, plain
from ..reference.official.swin import random_swin, swin_to_mmpretrain
from ..reference.official.vit import random_vit, vit_to_mmpretrain
from . import dense_sets
from .dense_sets import built, optimizer_of

pytestmark = pytest.mark.maintained_only
SWIN_T, VIT_B = 'ade20k/upernet_swin-t_160k', 'ade20k/upernet_vit-b_160k'
SET = 'ade/ADEChallengeData2016'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return dense_sets.make_sets(tmp_path_factory.mktemp('ade20k')) / SET


@pytest.fixture(scope='module', autouse=True)
def scope():
    yield
    init_default_scope('mmpretrain')


# The recipe


@pytest.mark.parametrize('name, drop_path, widths, channels', [
    (SWIN_T, 0.3, [96, 192, 384, 768], 512), (VIT_B, 0.1, [768] * 4, 768)])
def test_model__is_the_recipes(name, drop_path, widths, channels):
    model = built(name)
    assert drop_paths(model.backbone) == pytest.approx([drop_path * i / 11 for i in range(12)])
    head, auxiliary = model.decode_head, model.auxiliary_head
    assert (type(head).__name__, list(head.in_channels), head.channels) == (
        'UPerHead', widths, channels)
    assert head.dropout_ratio == 0.1 and head.psp_modules.pool_scales == (1, 2, 3, 6)
    assert (type(auxiliary).__name__, auxiliary.in_index, auxiliary.in_channels,
            auxiliary.channels, auxiliary.loss_decode.loss_weight) == (
                'FCNHead', 2, widths[2], 256, 0.4)
    assert head.num_classes == auxiliary.num_classes == 150
    norms = [module for module in (*head.modules(), *auxiliary.modules())
             if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms and all(isinstance(norm, torch.nn.SyncBatchNorm) for norm in norms)


def test_vit__taps_and_pyramid_are_ibots():
    model = built(VIT_B)
    assert list(model.backbone.out_indices) == [3, 5, 7, 11]
    assert list(model.neck.rescales) == [4, 2, 1, 0.5]
    assert model.test_cfg == dict(mode='slide', crop_size=(512, 512), stride=(341, 341))
    assert model.backbone.pos_embed.requires_grad
    assert built(SWIN_T).test_cfg.mode == 'whole'


@pytest.mark.parametrize('name', [SWIN_T, VIT_B])
def test_data_and_schedule(name):
    cfg = dense_sets.parsed(name)
    transforms = plain(cfg.train_dataloader.dataset.pipeline)
    assert transforms[2:] == [
        dict(type='RandomResize', scale=[2048, 512], ratio_range=[0.5, 2.0], keep_ratio=True),
        dict(type='RandomCrop', crop_size=[512, 512], cat_max_ratio=0.75),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PhotoMetricDistortion'),
        dict(type='PackSegInputs')]
    assert plain(cfg.param_scheduler) == [
        dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
        dict(type='PolyLR', eta_min=0., power=1., begin=1500, end=160000, by_epoch=False)]
    assert cfg.train_cfg.max_iters == 160000
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.base_batch_size == 16
    assert cfg.test_dataloader.dataset.pipeline[1].scale == (2048, 512)
    normalise = cfg.model.data_preprocessor
    assert normalise.mean == [123.675, 116.28, 103.53] and normalise.bgr_to_rgb
    assert normalise.std == [58.395, 57.12, 57.375]


def test_swin__norms_and_position_biases_do_not_decay():
    for name, found in dense_sets.rates_and_decays(built(SWIN_T), optimizer_of(SWIN_T)).items():
        exempt = 'norm' in name or 'relative_position_bias_table' in name
        assert found == (6e-5, 0. if exempt else 0.01), name


def test_vit__layers_decay():
    """iBOT's rule: embeddings 0, block i has i + 1, all else 13; 0.65 ** (13 - layer)."""
    optimizer = optimizer_of(VIT_B)
    assert optimizer.defaults['betas'] == (0.9, 0.999)
    found = dense_sets.rates_and_decays(built(VIT_B), optimizer)
    assert found['backbone.pos_embed'][0] == pytest.approx(8e-5 * 0.65**13)
    assert found['backbone.ln1.weight'][0] == found['decode_head.conv_seg.weight'][0] == 8e-5
    for name, (rate, decay) in found.items():
        layer = 13
        if name.startswith(('backbone.patch_embed', 'backbone.cls_token', 'backbone.pos_embed')):
            layer = 0
        elif name.startswith('backbone.layers.'):
            layer = int(name.split('.')[2]) + 1
        exempt = (built(VIT_B).get_parameter(name).ndim == 1
                  or name in ('backbone.cls_token', 'backbone.pos_embed'))
        assert rate == pytest.approx(8e-5 * 0.65**(13 - layer)), name
        assert decay == (0. if exempt else 0.05), name


# The run


def small(name: str, data, tmp_path, state: dict) -> Config:
    """``state`` is what the file of the pre-trained backbone holds, mask token and all."""
    vit = 'vit' in name
    token = torch.ones(1, 1, 48 if vit else 8)
    save_backbone(tmp_path / 'w.pth', dict(state, mask_token=token), num_heads=12 if vit else None)
    cfg = dense_sets.parsed(name)
    backbone = dense_sets.small_backbone(cfg.model.backbone, tmp_path / 'w.pth')
    width = backbone.arch.embed_dims
    widths = [width] * 4 if vit else [width, 2 * width, 4 * width, 8 * width]
    cfg.merge_from_dict(dict(
        work_dir=str(tmp_path / 'work'),
        model=dict(
            data_preprocessor=dict(size=(64, 64)),
            decode_head=dict(in_channels=widths, channels=16),
            auxiliary_head=dict(in_channels=widths[2], channels=8)),
        train_cfg=dict(max_iters=2, val_interval=2),
        default_hooks=dict(checkpoint=dict(interval=2))))
    if vit:
        cfg.model.neck.embed_dim = width
        cfg.model.test_cfg.update(crop_size=(64, 64), stride=(42, 42))
    dense_sets.small_loaders(cfg, data)
    return cfg


@pytest.mark.parametrize('name, state', [
    (SWIN_T, swin_to_mmpretrain(random_swin(**dense_sets.SWIN))),
    (VIT_B, vit_to_mmpretrain(random_vit(**dense_sets.VIT, positions='mocov3')))])
def test_run__starts_from_the_file_trains_evaluates_and_resumes(name, state, data, tmp_path):
    cfg = small(name, data, tmp_path, state)
    runner = dense_sets.run(cfg)
    fresh = {f'norm{i}.{kind}' for i in range(3) for kind in ('weight', 'bias') if name == SWIN_T}
    assert runner.start.keys() == state.keys() | fresh
    assert {name: runner.start[name] for name in state} == dense_sets.digests(state)
    assert len(runner.losses) == 2 and torch.tensor(runner.losses).isfinite().all()
    assert runner.metrics['mIoU'] >= 0
    trained = dense_sets.digests(runner.model.backbone.state_dict())

    cfg.train_cfg.update(max_iters=4, val_interval=4)
    resumed = dense_sets.run(cfg, resume='auto', force_change=['train_cfg.max_iters'])
    assert (resumed.first_iter, len(resumed.losses)) == (2, 2)
    assert resumed.start == trained
    assert (tmp_path / 'work' / 'iter_4.pth').is_file()
    again = dense_sets.run(cfg, resume='auto')  # as after a kill in the last evaluation
    assert (again.first_iter, again.losses, again.metrics) == (4, [], resumed.metrics)
    record = json.loads((tmp_path / 'work' / 'data_record.json').read_text())
    assert record['schedule'] == dict(unit='iterations', length=4)
    assert {part: (about['images'], about['classes'])
            for part, about in record['data'].items()} == dict(train=(4, 150), val=(2, 150))


# What is wrong is said


@pytest.fixture
def swin(data, tmp_path):
    copy = shutil.copytree(data, tmp_path / 'data')
    return small(SWIN_T, copy, tmp_path, swin_to_mmpretrain(random_swin(**dense_sets.SWIN)))


def test_error__no_backbone_in_the_file(swin, tmp_path):
    torch.save(dict(state_dict={'decode_head.conv_seg.weight': torch.ones(2, 2)}),
               tmp_path / 'w.pth')
    with pytest.raises(CheckpointError, match='model.backbone.init_cfg.checkpoint.*w.pth'):
        dense_sets.run(swin)


@pytest.mark.parametrize('remove, message', [
    ('annotations/training', 'train_dataloader.dataset.data_prefix.seg_map_path.*training'),
    ('annotations/validation/*.png', 'val_dataloader.dataset.data_prefix.seg_map_path.*has no lab'),
    ('images/training/*.jpg', 'train_dataloader.dataset`: no image of it.*img_suffix'),
])
def test_error__files_missing(swin, tmp_path, remove, message):
    for path in (tmp_path / 'data').glob(remove):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(TransferDataError, match=message):
        dense_sets.run(swin)


def test_error__heads_for_another_number_of_classes(swin):
    swin.model.auxiliary_head.num_classes = 19
    with pytest.raises(TransferDataError, match='`model.auxiliary_head.num_classes`=19.*150 class'):
        dense_sets.run(swin)


@pytest.mark.parametrize('pixels, message', [
    (np.full((160, 160), 151, np.uint8), 'label 151, but 150 classes are labelled 1 to 150'),
    (np.full((160, 160, 3), 7, np.uint8), '3 channels'),
])
def test_error__label_maps_that_do_not_fit(swin, tmp_path, pixels, message):
    for path in (tmp_path / 'data/annotations/training').glob('*.png'):
        Image.fromarray(pixels).save(path)
    with pytest.raises(TransferDataError, match=message):
        dense_sets.run(swin)


def test_train_py__completes_no_loader_of_mmsegs_and_names_our_parts_by_their_scope():
    cfg = complete(dense_sets.parsed(SWIN_T), Request('c.py', amp='bf16'))
    assert cfg.optim_wrapper.type == 'mmpretrain.AutocastOptimWrapper'
    assert 'collate_fn' not in cfg.train_dataloader and 'collate_fn' not in cfg.val_dataloader
    again = complete(cfg, Request('c.py', amp='off'))
    assert again.optim_wrapper.type == 'OptimWrapper'


def test_config__is_read_by_mmsegs_own_script(tmp_path):
    """What ``mim train mmseg`` runs: it imports mimco_mm through the config alone."""
    script = Path(find_spec('mmseg').origin).parent / '.mim' / 'tools' / 'train.py'
    config = dense_sets.CONFIGS / f'{SWIN_T}.py'
    result = subprocess.run(
        [sys.executable, str(script), str(config), '--work-dir', str(tmp_path / 'work')],
        cwd=tmp_path, env={'PYTHONPATH': str(dense_sets.ROOT), 'OMP_NUM_THREADS': '1'},
        capture_output=True, text=True, timeout=300)
    assert 'TransferDataError: `train_dataloader.dataset.data_prefix.img_path`: there is no ' \
           'data/ade/ADEChallengeData2016/images/training' in result.stderr, result.stderr
