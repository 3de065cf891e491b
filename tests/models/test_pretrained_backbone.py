"""PretrainedBackbone: after a model's init_weights, every tensor of its backbone is the file's."""

import logging

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import CheckpointError
from tests.reference.official import files, swin, vit

ARCH = dict(embed_dims=8, depths=[2, 2, 2], num_heads=[1, 2, 4])
SWIN = dict(type='SwinTransformer', img_size=32, patch_size=2, window_size=4, arch=ARCH,
            out_indices=(2, ))
LEVELS = {**SWIN, 'out_indices': (0, 1, 2)}
FRESH = ('norm0.', 'norm1.')
VIT = dict(
    type='VisionTransformer', img_size=32, patch_size=8, out_type='cls_token',
    arch=dict(embed_dims=48, num_layers=2, num_heads=4, feedforward_channels=96))
MOCO_V3 = {**VIT, 'type': 'MoCoV3ViT'}
ALL = pytest.mark.parametrize('config', [SWIN, VIT, MOCO_V3], ids=['swin', 'vit', 'moco v3'])


def with_init(backbone: dict, checkpoint, **kwargs) -> dict:
    init_cfg = dict(type='PretrainedBackbone', checkpoint=str(checkpoint), **kwargs)
    return {**backbone, 'init_cfg': init_cfg}


def classifier(backbone: dict) -> torch.nn.Module:
    """A whole model, initialised as a Runner does it."""
    width = 32 if 'Swin' in backbone['type'] else 48
    neck = dict(type='GlobalAveragePooling') if 'Swin' in backbone['type'] else None
    model = MODELS.build(dict(
        type='ImageClassifier', backbone=backbone, neck=neck,
        head=dict(type='LinearClsHead', num_classes=3, in_channels=width)))
    model.init_weights()
    return model


def saved(config: dict, path) -> dict:
    """A run's checkpoint in which every learned tensor is random; returns the backbone's state."""
    network = MODELS.build(config)
    network.init_weights()
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if config is not MOCO_V3 or name != 'pos_embed':
                parameter.normal_()
    state = {key: value.clone() for key, value in network.state_dict().items()}
    torch.save(dict(state_dict={f'backbone.{key}': value for key, value in state.items()},
                    meta=dict(epoch=1)), path)
    return state


@pytest.fixture
def log():
    """The lines of mmengine's logger from here on."""
    # the current one may be an earlier test's, and quiet
    lines, logger = [], MMLogger.get_instance('test_pretrained_backbone')
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    yield lines
    MMLogger._instance_dict.pop('test_pretrained_backbone')


@ALL
def test_init__every_tensor_of_a_classifiers_backbone_is_the_files(tmp_path, config):
    wanted = saved(config, tmp_path / 'run.pth')
    torch.manual_seed(4)
    model = classifier(with_init(config, tmp_path / 'run.pth'))
    got = model.backbone.state_dict()
    assert got.keys() == wanted.keys()
    assert not [key for key in wanted if not torch.equal(got[key], wanted[key])]
    assert model.head.fc.weight.std() < 0.1  # initialised by itself, not by the file


def test_init__fresh_norms_keep_their_initial_values(tmp_path):
    wanted = saved(SWIN, tmp_path / 'run.pth')
    got = classifier(with_init(LEVELS, tmp_path / 'run.pth', fresh=FRESH)).backbone.state_dict()
    assert not [key for key in wanted if not torch.equal(got[key], wanted[key])]
    extra = got.keys() - wanted.keys()
    assert extra == {f'norm{i}.{part}' for i in (0, 1) for part in ('weight', 'bias')}
    assert all((got[key] == float(key.endswith('weight'))).all() for key in extra)


def test_init__norms_that_are_not_named_fresh_are_refused(tmp_path):
    saved(SWIN, tmp_path / 'run.pth')
    with pytest.raises(CheckpointError, match=(
            '(?s)Cannot load SwinTransformer from `model.backbone.init_cfg.checkpoint`=.*'
            '4 tensors missing: norm0.bias, norm0.weight, norm1.bias.*named by `fresh`')):
        classifier(with_init(LEVELS, tmp_path / 'run.pth'))


def test_init__fresh_layers_are_initialised_as_without_a_file(tmp_path):
    wanted = saved(VIT, tmp_path / 'run.pth')
    deeper = {**VIT, 'arch': {**VIT['arch'], 'num_layers': 3}}
    model = classifier(with_init(deeper, tmp_path / 'run.pth', fresh=('layers.2.', )))
    got = model.backbone.state_dict()
    assert not [key for key in wanted if not torch.equal(got[key], wanted[key])]
    bias = got['layers.2.ffn.layers.0.0.bias']  # normal, std 1e-6; torch's own is far wider
    assert 0 < bias.abs().max() < 1e-4


def test_init__learned_positions_for_the_fixed_ones_of_moco_v3_are_refused(tmp_path):
    saved(VIT, tmp_path / 'deit.pth')
    with pytest.raises(CheckpointError, match='fixed by formula, but of other values: pos_embed'):
        classifier(with_init(MOCO_V3, tmp_path / 'deit.pth'))


@pytest.mark.parametrize('content, message', [
    (None, 'No such checkpoint file'),
    ({'state_dict': {'backbone.conv1.weight': torch.ones(2)}}, 'names are of no known library'),
])
def test_init__refusal_names_init_cfg(tmp_path, content, message):
    path = tmp_path / 'run.pth'
    if content:
        torch.save(content, path)
    with pytest.raises(CheckpointError,
                       match=f"`model.backbone.init_cfg.checkpoint`='{path}':\n.*{message}"):
        classifier(with_init(SWIN, path))


def test_init__another_file_than_sha256_says_is_refused(tmp_path):
    saved(SWIN, tmp_path / 'run.pth')
    with pytest.raises(CheckpointError, match='init_cfg.*\n.*sha256.*expected 0123abcd'):
        classifier(with_init(SWIN, tmp_path / 'run.pth', sha256='0123abcd'))


@pytest.mark.parametrize('config, write', [(SWIN, files.moby), (VIT, files.dino)])
def test_init__official_files(tmp_path, config, write):
    if config is SWIN:
        official = swin.random_swin(embed_dim=8, depths=(2, 2, 2), num_heads=(1, 2, 4), window=4,
                                    img_size=32, patch=2)
        wanted = swin.swin_to_mmpretrain(official)
    else:
        official = vit.random_vit(width=48, depth=2, patch=8, img_size=32, mlp_ratio=2)
        wanted = vit.vit_to_mmpretrain(official)
    write(tmp_path / 'release.pth', official)
    got = classifier(with_init(config, tmp_path / 'release.pth')).backbone.state_dict()
    assert got.keys() == wanted.keys()
    assert not [key for key in wanted if not torch.equal(got[key], wanted[key])]


def test_init__timms_model_is_the_files(tmp_path):
    timm = pytest.importorskip('timm')
    size = dict(img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=4)
    torch.manual_seed(3)
    wanted = timm.create_model('vit_tiny_patch16_224', num_classes=0, **size).state_dict()
    torch.save(wanted, tmp_path / 'timm.pth')
    network = MODELS.build(with_init(
        dict(type='TimmFeatureMap', model_name='vit_tiny_patch16_224', **size),
        tmp_path / 'timm.pth'))
    network.init_weights()
    got = network.timm_model.state_dict()
    assert not [key for key in wanted if not torch.equal(got[key], wanted[key])]


@pytest.mark.parametrize('config, word', [
    (SWIN, 'trained'), ({**SWIN, 'frozen_stages': 0}, 'trained'),
    ({**SWIN, 'frozen_stages': 2}, 'frozen'), (VIT, 'trained'),
    ({**VIT, 'frozen_stages': 1}, 'trained'), ({**VIT, 'frozen_stages': 2}, 'frozen')])
def test_init__log_says_what_was_loaded_and_whether_it_is_frozen(tmp_path, log, config, word):
    plain = {key: value for key, value in config.items() if key != 'frozen_stages'}
    wanted = saved(plain, tmp_path / 'run.pth')
    model = classifier(with_init(config, tmp_path / 'run.pth'))
    model.train()
    trained = any(parameter.requires_grad for parameter in model.backbone.parameters())
    assert word == ('trained' if trained else 'frozen')  # what the line has to say
    line, = [line for line in log if line.startswith('Backbone, ')]
    assert line.startswith(f'Backbone, {word}: {tmp_path / "run.pth"} (sha256 ')
    assert f'{len(wanted)} tensors matched, 0 missing, 0 unexpected' in line


def test_init__log_names_what_is_fresh(tmp_path, log):
    saved(SWIN, tmp_path / 'run.pth')
    classifier(with_init(LEVELS, tmp_path / 'run.pth', fresh=FRESH))
    line, = [line for line in log if line.startswith('Backbone, ')]
    assert 'initialised afresh: norm0.bias, norm0.weight, norm1.bias and 1 more' in line


@pytest.mark.maintained_only
def test_init__every_tensor_of_a_mask_rcnns_backbone_is_the_files(tmp_path):
    from mmdet.registry import MODELS as DETECTORS
    wanted = saved(SWIN, tmp_path / 'run.pth')
    (tmp_path / 'config.py').write_text("_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'")
    model = Config.fromfile(tmp_path / 'config.py').model
    backbone = {**LEVELS, 'type': 'mmpretrain.SwinTransformer'}
    model.backbone = with_init(backbone, tmp_path / 'run.pth', fresh=FRESH)
    model.neck.update(in_channels=[8, 16, 32], out_channels=8)
    model.rpn_head.update(in_channels=8, feat_channels=8)
    for extractor in (model.roi_head.bbox_roi_extractor, model.roi_head.mask_roi_extractor):
        extractor.out_channels = 8
    model.roi_head.bbox_head.update(in_channels=8, fc_out_channels=8)
    model.roi_head.mask_head.update(in_channels=8, conv_out_channels=8)
    init_default_scope('mmdet')
    try:
        detector = DETECTORS.build(model)
        detector.init_weights()
    finally:
        init_default_scope('mmpretrain')
    got = detector.backbone.state_dict()
    assert not [key for key in wanted if not torch.equal(got[key], wanted[key])]
    assert (got['norm0.weight'] == 1).all() and (got['norm1.bias'] == 0).all()
