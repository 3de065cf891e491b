"""Each known format, loaded into mmpretrain's or timm's network, gives the official features.

All branches of a file have the same names and shapes, but other random weights (see
``reference.official.files``): equal features also mean that no other branch was taken, be it
``encoder_k``, ``momentum_encoder``, ``student`` or a decoder.
"""

from pathlib import Path
from typing import Callable, NamedTuple

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import load_backbone

from .. import tiny
from ..reference.official import clip, files, swin, vit

# Formulas and networks both run in float64: what is left are rounding errors, and any other eps,
# order or head shows.
TOLERANCE = 1e-10
HEADS = (1, 2, 4)
SIZE = dict(img_size=32, patch_size=2, window_size=4)
SWIN = dict(
    type='SwinTransformer', arch=dict(embed_dims=8, depths=[2, 2, 2], num_heads=list(HEADS)),
    out_indices=(2, ), drop_path_rate=0., **SIZE)
MASKED_SWIN = {**SWIN, 'type': 'MaskedSwinTransformer'}
TIMM_SWIN = dict(type='TimmFeatureMap', model_name='swin_tiny_patch4_window7_224', embed_dim=8,
                 depths=(2, 2, 2), num_heads=HEADS, **SIZE)
ARCH = dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=192)
VIT = dict(
    type='VisionTransformer', img_size=64, patch_size=16, out_type='featmap', arch=ARCH)
MOCO_V3 = {**VIT, 'type': 'MoCoV3ViT'}
DINOV2 = dict(VIT, layer_scale_init_value=1e-5)
CLIP = dict(VIT, pre_norm=True, norm_cfg=dict(type='LN', eps=1e-5),
            layer_cfgs=dict(act_cfg=dict(type='mmpretrain.QuickGELU')))
BEIT = dict(VIT, type='BEiTViT', final_norm=True, use_abs_pos_emb=False, use_rel_pos_bias=False,
            use_shared_rel_pos_bias=True, layer_scale_init_value=0.1)
TIMM_SIZE = dict(type='TimmFeatureMap', embed_dim=48, depth=3, num_heads=4, img_size=64)
TIMM_VIT = dict(TIMM_SIZE, model_name='vit_small_patch16_224')
TIMM_DINOV2 = dict(TIMM_SIZE, model_name='vit_small_patch14_dinov2', patch_size=16)
TIMM_CLIP = dict(TIMM_SIZE, model_name='vit_base_patch16_clip_quickgelu_224')


def esvit_swin() -> dict:
    """The teacher of our EsViT config, made small."""
    config = Config.fromfile(tiny.CONFIGS / 'pretrain/other_teachers/mimco_swin-t_esvit-swin-t.py')
    network = config.model.target_generator.backbone.to_dict()
    return {**network, **{key: value for key, value in SWIN.items() if key != 'type'}}


def images(side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(2, 3, side, side, generator=generator, dtype=torch.float64)


def difference(network: torch.nn.Module, x: torch.Tensor, expected: torch.Tensor, *mask) -> float:
    with torch.no_grad():
        found = network(x, *mask)[-1]
    assert found.shape == expected.shape and expected.std() > 0.1
    return (found - expected).abs().max()


def loaded(config: dict, path: Path) -> tuple:
    """The network in float64, and the report."""
    if config['type'] == 'TimmFeatureMap':
        pytest.importorskip('timm')
    torch.manual_seed(7)
    network = MODELS.build(config)
    network.init_weights()
    report = load_backbone(network, str(path), config_key='checkpoint')
    network.double().eval()
    return network, report


class Encoder(NamedTuple):
    """A random official encoder, and the formula of its features for images of ``side`` px."""

    state: Callable[[], dict]
    features: Callable[..., torch.Tensor]
    side: int


def swin_encoder(eps: float = 1e-5, with_mask_token: bool = False) -> Encoder:
    def state() -> dict:
        token = dict(mask_token=vit.Draw(1).normal(1, 1, 8)) if with_mask_token else {}
        return {**token, **swin.random_swin(depths=(2, 2, 2), num_heads=HEADS, window=4, patch=2)}

    return Encoder(state, lambda state, x, mask=None: swin.swin_features(
        state, x, HEADS, window=4, mask=mask, eps=eps), side=32)


def vit_encoder(**arguments) -> Encoder:
    return Encoder(lambda: vit.random_vit(**arguments),
                   lambda state, x: vit.vit_features(state, x, heads=4)[0], side=64)


SWIN_ENCODER, ESVIT_ENCODER = swin_encoder(), swin_encoder(eps=1e-6)
VIT_ENCODER, MOCO_V3_ENCODER = vit_encoder(), vit_encoder(positions='mocov3')
DINOV2_ENCODER = vit_encoder(layer_scale=True)
CLIP_ENCODER = Encoder(clip.random_clip_visual,
                       lambda state, x: clip.clip_features(state, x, heads=4)[0], side=64)
SIMMIM_VIT_ENCODER = Encoder(lambda: vit.random_simmim_vit(heads=4),
                             lambda state, x: vit.simmim_vit_features(state, x, heads=4)[0], 64)


def dinov2(path: Path, encoder: dict) -> Path:
    """DINOv2's release: bare names, and a mask token that no patch of a whole image takes."""
    return files.dino_backbone(path, {'mask_token': torch.ones(1, 48), **encoder})


def ibot_student(path: Path, encoder: dict) -> Path:
    """iBOT's released student, which has its mask token beside the backbone."""
    return files.ibot_backbone(path, {'masked_embed': torch.ones(1, 48), **encoder})


def clip_file(path: Path, state: dict) -> Path:
    torch.save(state, path)
    return path


OF_TEACHER = ', branch teacher of a self-distillation'
CASES = {
    'MoBY Swin': (files.moby, SWIN_ENCODER, SWIN, 'MoBY, official Swin'),
    'MoBY DeiT': (files.moby, VIT_ENCODER, VIT, 'MoBY, timm ViT'),
    'MoCo v3': (files.moco_v3, MOCO_V3_ENCODER, MOCO_V3, 'MoCo v3, timm ViT'),
    'SimMIM Swin': (files.simmim, SWIN_ENCODER, SWIN, 'SimMIM, official Swin'),
    'SimMIM ViT': (files.simmim, SIMMIM_VIT_ENCODER, BEIT, 'SimMIM, timm ViT'),
    'Swin': (files.swin, SWIN_ENCODER, SWIN, 'bare backbone, official Swin'),
    'EsViT': (files.esvit, ESVIT_ENCODER, esvit_swin(),
              f'bare backbone{OF_TEACHER}, official Swin'),
    'DINO': (files.dino, VIT_ENCODER, VIT, f'algorithm or classifier{OF_TEACHER}, timm ViT'),
    'DINO, backbone': (files.dino_backbone, VIT_ENCODER, VIT, 'bare backbone, timm ViT'),
    'iBOT': (files.ibot, VIT_ENCODER, VIT, f'algorithm or classifier{OF_TEACHER}, timm ViT'),
    'iBOT, backbone': (files.ibot_backbone, VIT_ENCODER, VIT, 'bare backbone, timm ViT'),
    'iBOT, student': (ibot_student, VIT_ENCODER, VIT, 'bare backbone, timm ViT'),
    'DINOv2': (dinov2, DINOV2_ENCODER, DINOV2, 'bare backbone, timm ViT'),
    'CLIP': (clip_file, CLIP_ENCODER, CLIP, 'CLIP, CLIP ViT'),
    'timm Swin': (files.timm_swin, SWIN_ENCODER, SWIN, 'bare backbone, timm Swin'),
    'mmpretrain Swin': (files.mmpretrain_swin, SWIN_ENCODER, SWIN,
                        'algorithm or classifier, mmpretrain Swin'),
    'mmpretrain ViT': (files.mmpretrain_vit, VIT_ENCODER, VIT,
                       'algorithm or classifier, mmpretrain ViT'),
    'mmpretrain MoCo v3': (files.mmpretrain_vit, MOCO_V3_ENCODER, MOCO_V3,
                           'algorithm or classifier, mmpretrain ViT'),
    # The same files into timm's networks.
    'Swin to timm': (files.swin, SWIN_ENCODER, TIMM_SWIN, 'bare backbone, official Swin'),
    'MoBY Swin to timm': (files.moby, SWIN_ENCODER, TIMM_SWIN, 'MoBY, official Swin'),
    'timm Swin to timm': (files.timm_swin, SWIN_ENCODER, TIMM_SWIN, 'bare backbone, timm Swin'),
    'mmpretrain Swin to timm': (files.mmpretrain_swin, SWIN_ENCODER, TIMM_SWIN,
                                'algorithm or classifier, mmpretrain Swin'),
    'MoCo v3 to timm': (files.moco_v3, MOCO_V3_ENCODER, TIMM_VIT, 'MoCo v3, timm ViT'),
    'mmpretrain ViT to timm': (files.mmpretrain_vit, VIT_ENCODER, TIMM_VIT,
                               'algorithm or classifier, mmpretrain ViT'),
    'DINOv2 to timm': (dinov2, DINOV2_ENCODER, TIMM_DINOV2, 'bare backbone, timm ViT'),
    'CLIP to timm': (clip_file, CLIP_ENCODER, TIMM_CLIP, 'CLIP, CLIP ViT'),
}


@pytest.mark.parametrize('case', CASES)
def test_load_backbone__official_features(tmp_path, case):
    write, encoder, config, layout = CASES[case]
    state = encoder.state()
    network, report = loaded(config, write(tmp_path / 'release.pth', state))
    x = images(encoder.side)
    assert difference(network, x, encoder.features(state, x)) < TOLERANCE
    assert f'{report.release}, {report.naming}' == layout
    assert report.covered == report.parameters
    assert report.fresh == report.resized == ()


def test_load_backbone__official_features_would_show_another_eps(tmp_path):
    state = ESVIT_ENCODER.state()
    network, _ = loaded(SWIN, files.esvit(tmp_path / 'release.pth', state))
    x = images(32)
    assert difference(network, x, ESVIT_ENCODER.features(state, x)) > 1e4 * TOLERANCE


def some_mask(side: int) -> torch.Tensor:
    return torch.rand(2, side, side, generator=torch.Generator().manual_seed(6)) < 0.5


def test_load_backbone__masked_student_has_simmims_mask_token(tmp_path):
    encoder = swin_encoder(with_mask_token=True)
    state, x, mask = encoder.state(), images(32), some_mask(16)
    network, report = loaded(MASKED_SWIN, files.simmim(tmp_path / 'simmim.pth', state))
    assert difference(network, x, encoder.features(state, x, mask), mask) < TOLERANCE
    assert difference(network, x, encoder.features(state, x), mask) > 1e-2
    assert report.covered == report.parameters and 'mask_token' not in report.left_out


@pytest.mark.parametrize('write, encoder, config, token', [
    (files.simmim, SWIN_ENCODER, SWIN, 'mask_token'),
    (files.simmim, SIMMIM_VIT_ENCODER, BEIT, 'mask_token'),
    (dinov2, DINOV2_ENCODER, DINOV2, 'mask_token'),
    (ibot_student, VIT_ENCODER, VIT, 'masked_embed')])
def test_load_backbone__mask_token_without_a_place_is_left_out_and_said(
        tmp_path, write, encoder, config, token):
    _, report = loaded(config, write(tmp_path / 'release.pth', encoder.state()))
    assert token in report.left_out and token in str(report).partition('left out: ')[2]


def randomised(model: torch.nn.Module) -> torch.nn.Module:
    """Every parameter random, so that no branch is another one's copy."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith('pos_embed'):
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def mimco(tmp_path: Path) -> tuple:
    teacher = {**tiny.BACKBONE, 'type': 'SwinTransformer', 'drop_path_rate': 0.}
    return tiny.config('mimco_swin-t', tmp_path, tmp_path).model.to_dict(), teacher


def moby(tmp_path: Path) -> tuple:
    plain = {**tiny.BACKBONE, 'type': 'SwinTransformer', 'drop_path_rate': 0.}
    return tiny.config('teachers/moby_swin-t', tmp_path, tmp_path).model.to_dict(), plain


def projector(inputs: int) -> dict:
    return dict(type='NonLinearNeck', in_channels=inputs, hid_channels=16, out_channels=8,
                with_avg_pool=False, with_bias=False, with_last_bias=False)


def moco_v3(tmp_path: Path) -> tuple:
    return dict(type='MoCoV3', backbone=MOCO_V3, neck=projector(48), head=dict(
        type='MoCoV3Head', predictor=projector(8),
        loss=dict(type='CrossEntropyLoss', loss_weight=1.))), MOCO_V3


def simmim(tmp_path: Path) -> tuple:
    """mmpretrain's own: window 7 and patches of 4 px are fixed in its Swin."""
    size = dict(img_size=56, out_indices=(1, ), arch=tiny.ARCH, drop_path_rate=0.)
    return dict(
        type='SimMIM', backbone=dict(type='SimMIMSwinTransformer', **size),
        neck=dict(type='SimMIMLinearDecoder', in_channels=16, encoder_stride=8),
        head=dict(type='SimMIMHead', patch_size=4, loss=dict(
            type='PixelReconstructionLoss', criterion='L1'))), dict(type='SwinTransformer', **size)


def whole_run(model: torch.nn.Module) -> dict:
    """A full checkpoint of mmengine's runner."""
    history = HistoryBuffer()
    history.update(1.5)
    optimizer = torch.optim.AdamW(model.parameters())
    return dict(
        meta=dict(epoch=300, cfg='model = dict()'), state_dict=model.state_dict(),
        message_hub=dict(log_scalars={'train/loss': history}), optimizer=optimizer.state_dict(),
        param_schedulers=[dict(last_step=3)])


def prefixed(state: dict, prefix: str) -> dict:
    return {f'{prefix}{key}': value for key, value in state.items()}


WRAPPINGS = {
    'full checkpoint': whole_run,
    'full, of DDP': lambda model: dict(state_dict=prefixed(model.state_dict(), 'module.')),
    'state dict alone': lambda model: model.state_dict(),
    'student': lambda model: dict(state_dict=prefixed(model.backbone.state_dict(), 'backbone.')),
    'student, bare': lambda model: model.backbone.state_dict(),
    'student, bare, of DDP': lambda model: prefixed(model.backbone.state_dict(), 'module.'),
    'student, of DDP': lambda model: prefixed(model.backbone.state_dict(), 'module.backbone.'),
    'student, under model': lambda model: dict(model=model.backbone.state_dict()),
}


@pytest.mark.parametrize('run', [mimco, moby, moco_v3, simmim])
def test_load_backbone__a_runs_checkpoint_in_all_wrappings(tmp_path, run):
    algorithm, plain = run(tmp_path)
    model = randomised(MODELS.build(algorithm))
    if run is moco_v3:
        model.backbone.init_weights()  # the fixed positions
    model.backbone.double().eval()
    x = images(plain['img_size'])
    with torch.no_grad():
        expected = model.backbone(*[x, None][:1 + (run is simmim)])[-1]  # without a mask
    model.backbone.float()
    for name, wrap in WRAPPINGS.items():
        torch.save(wrap(model), tmp_path / 'run.pth')
        network, report = loaded(plain, tmp_path / 'run.pth')
        assert difference(network, x, expected) < TOLERANCE, name
        assert report.naming.startswith('mmpretrain') and report.covered == report.parameters
        assert report.left_out == (('mask_token', ) if run in (mimco, simmim) else ()), name


@pytest.mark.parametrize('prefix', ['backbone.timm_model.', 'module.backbone.timm_model.',
                                    'timm_model.'])
def test_load_backbone__timms_network_inside_mmpretrain(tmp_path, prefix):
    state = SWIN_ENCODER.state()
    torch.save(prefixed(swin.swin_to_timm(state), prefix), tmp_path / 'run.pth')
    x = images(32)
    for config in (SWIN, TIMM_SWIN):
        network, report = loaded(config, tmp_path / 'run.pth')
        assert difference(network, x, SWIN_ENCODER.features(state, x)) < TOLERANCE
        assert report.release.startswith('timm model in')
