"""Mask R-CNN on COCO: recipes.md section 5, and a whole run of it."""

import json

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mimco_mm.checkpoints import CheckpointError, read_checkpoint
from mimco_mm.datasets.transfer_data import TransferDataError
from mimco_mm.errors import ConfigError

from ..configs.support import drop_paths, plain
from ..reference.official.files import moby, moco_v3
from ..reference.official.swin import random_swin, swin_to_mmpretrain
from ..reference.official.vit import random_vit, vit_to_mmpretrain
from . import dense_sets
from .dense_sets import built, optimizer_of

pytestmark = pytest.mark.maintained_only
SWIN_T, SINGLE_SCALE, VIT_B = (f'coco/mask-rcnn_{name}' for name in (
    'swin-t_1x', 'swin-t_1x_single-scale', 'vit-b_1x'))
STEP = 32
SCALES = [(short, 1333) for short in range(480, 801, STEP)]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return dense_sets.make_sets(tmp_path_factory.mktemp('coco'))


@pytest.fixture(scope='module', autouse=True)
def scope():
    yield
    init_default_scope('mmpretrain')


# The recipe


@pytest.mark.parametrize('name, drop_path', [(SWIN_T, 0.1), (SINGLE_SCALE, 0.2)])
def test_swin__is_the_recipes(name, drop_path):
    model = built(name)
    backbone = model.backbone
    assert drop_paths(backbone) == pytest.approx([drop_path * i / 11 for i in range(12)])
    assert [getattr(backbone, f'norm{i}').normalized_shape for i in range(4)] == [
        (96, ), (192, ), (384, ), (768, )]
    assert {module.pad_small_map for module in backbone.modules()
            if hasattr(module, 'pad_small_map')} == {True}
    assert sum(p.numel() for p in backbone.parameters()) == 27_519_354 + 2 * (96 + 192 + 384)
    assert (model.neck.in_channels, model.neck.out_channels, model.neck.num_outs) == (
        [96, 192, 384, 768], 256, 5)
    assert type(model.roi_head.bbox_head).__name__ == 'Shared2FCBBoxHead'
    assert model.roi_head.mask_head.num_convs == 4
    assert (model.roi_head.bbox_head.num_classes, model.roi_head.mask_head.num_classes) == (80, 80)


def test_multi_scale__is_swins():
    pipeline = plain(dense_sets.parsed(SWIN_T).train_dataloader.dataset.pipeline)
    assert [transform['type'] for transform in pipeline] == [
        'LoadImageFromFile', 'LoadAnnotations', 'RandomFlip', 'RandomChoice', 'PackDetInputs']
    resize = dict(type='RandomChoiceResize', keep_ratio=True)
    sizes = [list(scale) for scale in SCALES]
    assert pipeline[2]['prob'] == 0.5
    assert plain(pipeline[3]['transforms']) == [
        [dict(resize, scales=sizes)],
        [dict(resize, scales=[[400, 1333], [500, 1333], [600, 1333]]),
         dict(type='RandomCrop', crop_type='absolute_range', crop_size=[384, 600],
              allow_negative_crop=True),
         dict(resize, scales=sizes)]]


def test_single_scale__is_mmdets_config_but_for_the_backbone(tmp_path):
    (tmp_path / 'c.py').write_text("_base_ = 'mmdet::swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco.py'")
    ours, theirs = dense_sets.parsed(SINGLE_SCALE), Config.fromfile(tmp_path / 'c.py')
    for config in (ours, theirs):
        config.model.pop('backbone')
    assert {key: plain(ours[key]) for key in theirs} == plain(theirs._cfg_dict)
    pipeline = ours.train_dataloader.dataset.pipeline
    assert [transform.scale for transform in pipeline if 'scale' in transform] == [(1333, 800)]


@pytest.mark.parametrize('name, warm_up', [(SWIN_T, 500), (VIT_B, 500), (SINGLE_SCALE, 1000)])
def test_schedule__is_1x(name, warm_up):
    cfg = dense_sets.parsed(name)
    assert plain(cfg.param_scheduler) == [
        dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=warm_up),
        dict(type='MultiStepLR', begin=0, end=12, by_epoch=True, milestones=[8, 11], gamma=0.1)]
    assert cfg.train_cfg.max_epochs == 12
    assert cfg.train_dataloader.batch_size * 8 == cfg.auto_scale_lr.base_batch_size == 16
    assert cfg.test_dataloader.dataset.pipeline[1].scale == (1333, 800)
    normalise = cfg.model.data_preprocessor
    assert normalise.mean == [123.675, 116.28, 103.53] and normalise.bgr_to_rgb
    assert normalise.std == [58.395, 57.12, 57.375]
    assert cfg.val_evaluator.metric == ['bbox', 'segm']


@pytest.mark.parametrize('name', [SWIN_T, SINGLE_SCALE])
def test_swin__norms_and_position_biases_do_not_decay(name):
    optimizer = optimizer_of(name)
    assert type(optimizer).__name__ == 'AdamW' and optimizer.defaults['betas'] == (0.9, 0.999)
    for parameter, found in dense_sets.rates_and_decays(built(name), optimizer).items():
        exempt = 'norm' in parameter or 'relative_position_bias_table' in parameter
        assert found == (1e-4, 0. if exempt else 0.05), parameter


def test_vit__layers_decay():
    for name, found in dense_sets.rates_and_decays(built(VIT_B), optimizer_of(VIT_B)).items():
        layer = 13
        if name.startswith(('backbone.patch_embed', 'backbone.cls_token', 'backbone.pos_embed')):
            layer = 0
        elif name.startswith('backbone.layers.'):
            layer = int(name.split('.')[2]) + 1
        parameter = built(VIT_B).get_parameter(name)
        exempt = parameter.ndim == 1 or name in ('backbone.cls_token', 'backbone.pos_embed')
        assert found == (pytest.approx(1e-4 * 0.7**(13 - layer)), 0. if exempt else 0.1), name


# The run


@pytest.fixture(params=[SWIN_T, SINGLE_SCALE, VIT_B])
def case(request, data, tmp_path):
    """(a config made small, the backbone's weights in mmpretrain's names)."""
    if request.param == VIT_B:
        encoder = random_vit(**dense_sets.VIT)
        checkpoint, expected = moco_v3(tmp_path / 'w.pth', encoder), vit_to_mmpretrain(encoder)
    else:
        encoder = random_swin(**dense_sets.SWIN)
        checkpoint, expected = moby(tmp_path / 'w.pth', encoder), swin_to_mmpretrain(encoder)
    return small(request.param, data, tmp_path, checkpoint), expected


def small(name: str, data, tmp_path, checkpoint) -> Config:
    cfg = dense_sets.parsed(name)
    backbone = dense_sets.small_backbone(cfg.model.backbone, checkpoint)
    width = backbone.arch.embed_dims
    few = dict(nms_pre=50, max_per_img=20)
    cfg.merge_from_dict(dict(
        work_dir=str(tmp_path / 'work'),
        model=dict(
            neck=dict(in_channels=width if 'ViT' in backbone.type
                      else [width, 2 * width, 4 * width, 8 * width], out_channels=16),
            rpn_head=dict(in_channels=16, feat_channels=16),
            roi_head=dict(
                bbox_roi_extractor=dict(out_channels=16),
                bbox_head=dict(in_channels=16, fc_out_channels=16),
                mask_roi_extractor=dict(out_channels=16),
                mask_head=dict(in_channels=16, conv_out_channels=16, num_convs=1)),
            train_cfg=dict(rpn_proposal=few),
            # boxes of any score: two steps teach nothing
            test_cfg=dict(rpn=few, rcnn=dict(max_per_img=5, score_thr=0.))),
        train_cfg=dict(max_epochs=1)))
    dense_sets.small_loaders(cfg, data / 'coco')
    for name in ('val_evaluator', 'test_evaluator'):
        cfg[name].ann_file = str(data / 'coco/annotations/instances_val2017.json')
    return cfg


def test_run__starts_from_the_file_trains_evaluates_and_resumes(case, tmp_path):
    cfg, expected = case
    runner = dense_sets.run(cfg)
    fresh = {f'norm{i}.{kind}' for i in range(3) for kind in ('weight', 'bias')
             if 'norm0.weight' in runner.start}
    assert runner.start.keys() == expected.keys() | fresh
    assert {name: runner.start[name] for name in expected} == dense_sets.digests(expected)
    assert len(runner.losses) == 2 and torch.tensor(runner.losses).isfinite().all()
    assert {'coco/bbox_mAP', 'coco/segm_mAP'} <= runner.metrics.keys()
    assert (tmp_path / 'work' / 'epoch_1.pth').is_file()
    weights = dense_sets.digests(runner.model.state_dict())

    cfg.train_cfg.max_epochs = 2
    resumed = dense_sets.run(cfg, resume='auto', force_change=['train_cfg.max_epochs'])
    assert (resumed.first_iter, len(resumed.losses)) == (2, 2)
    saved = read_checkpoint(tmp_path / 'work' / 'epoch_1.pth')['state_dict']
    assert dense_sets.digests(saved) == weights
    assert resumed.start == dense_sets.digests(
        {name[9:]: value for name, value in saved.items() if name.startswith('backbone.')})


def test_resume__from_another_start_is_refused(swin, tmp_path):
    dense_sets.run(swin)
    swin.train_cfg.max_epochs = 2
    swin.model.backbone.init_cfg.checkpoint = str(
        moby(tmp_path / 'other.pth', random_swin(**dense_sets.SWIN, seed=3)))
    with pytest.raises(ValueError, match='start_sha256: was .*, now '):
        dense_sets.run(swin, resume='auto')


# What is wrong is said


@pytest.fixture
def swin(data, tmp_path):
    return small(SWIN_T, data, tmp_path, moby(tmp_path / 'w.pth', random_swin(**dense_sets.SWIN)))


def test_error__no_backbone_in_the_file(swin, tmp_path):
    torch.save(dict(state_dict={'head.fc.weight': torch.ones(2, 2)}), tmp_path / 'head.pth')
    swin.model.backbone.init_cfg.checkpoint = str(tmp_path / 'head.pth')
    with pytest.raises(CheckpointError, match='model.backbone.init_cfg.checkpoint.*head.pth'):
        dense_sets.run(swin)


def test_error__no_annotations(swin):
    swin.train_dataloader.dataset.ann_file = 'annotations/none.json'
    with pytest.raises(TransferDataError, match='(?s)train_dataloader.dataset.ann_file.*none.json'):
        dense_sets.run(swin)


def test_error__heads_for_another_number_of_classes(swin):
    swin.model.roi_head.bbox_head.num_classes = 20
    with pytest.raises(TransferDataError,
                       match='`model.roi_head.bbox_head.num_classes`=20.*80 classes'):
        dense_sets.run(swin)


def test_error__annotations_of_other_categories(swin, data, tmp_path):
    content = json.loads((data / 'coco/annotations/instances_train2017.json').read_text())
    content['categories'] = [dict(id=1, name='tench'), dict(id=2, name='hen')]
    swin.train_dataloader.dataset.ann_file = str(tmp_path / 'own.json')
    (tmp_path / 'own.json').write_text(json.dumps(content))
    with pytest.raises(TransferDataError, match='2 categories \\(tench, hen\\), and lacks 80.*'
                                                'train_dataloader.dataset.metainfo.classes'):
        dense_sets.run(swin)


def test_amp__float16_only(swin):
    with pytest.raises(ConfigError, match='RoIAlign.*--amp fp16'):
        dense_sets.build(swin, amp='bf16')
