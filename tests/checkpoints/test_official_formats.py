"""Each official format, loaded into mmpretrain's or timm's network, gives the official features."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import CheckpointError, load_backbone

from ..reference.official import clip, files, swin, vit

HEADS = (1, 2, 4)
SWIN = dict(
    type='SwinTransformer', img_size=32, patch_size=2, window_size=4, drop_path_rate=0.,
    arch=dict(embed_dims=8, depths=[2, 2, 2], num_heads=list(HEADS)), out_indices=(2, ))
ARCH = dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=192)
VIT = dict(
    type='VisionTransformer', img_size=64, patch_size=16, out_type='featmap', arch=ARCH)
MOCO_V3 = {**VIT, 'type': 'MoCoV3ViT'}


def images(side: int) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(5))


def encoder(network: dict) -> dict:
    """A random official encoder that ``network`` is to hold."""
    if network['type'] == 'SwinTransformer':
        return swin.random_swin(embed_dim=8, depths=(2, 2, 2), num_heads=HEADS, window=4,
                                img_size=32, patch=2)
    return vit.random_vit(width=48, depth=3, patch=16, img_size=64,
                          positions='mocov3' if network is MOCO_V3 else 'learned')


def features(network: dict, state: dict, x: torch.Tensor) -> torch.Tensor:
    if network['type'] == 'SwinTransformer':
        return swin.swin_features(state, x, num_heads=HEADS, window=4)
    return vit.vit_features(state, x, heads=4)[0]


def loaded(config: dict, path) -> tuple:
    torch.manual_seed(7)
    network = MODELS.build(config)
    network.init_weights()
    report = load_backbone(network, str(path), config_key='checkpoint')
    network.eval()
    return network, report


FORMATS = [
    (files.moby, SWIN, 'MoBY, official Swin'),
    (files.moby, VIT, 'MoBY, timm ViT'),
    (files.moco_v3, MOCO_V3, 'MoCo v3, timm ViT'),
    (files.simmim, SWIN, 'SimMIM, official Swin'),
    (files.swin, SWIN, 'bare backbone, official Swin'),
    (files.esvit, SWIN, 'bare backbone, branch teacher of a self-distillation, official Swin'),
    (files.timm_swin, SWIN, 'bare backbone, timm Swin'),
    (files.mmpretrain_swin, SWIN, 'algorithm or classifier, mmpretrain Swin'),
    (files.mmpretrain_vit, VIT, 'algorithm or classifier, mmpretrain ViT'),
    (files.dino, VIT, 'algorithm or classifier, branch teacher of a self-distillation, timm ViT'),
    (files.dino_backbone, VIT, 'bare backbone, timm ViT'),
    (files.ibot, VIT, 'algorithm or classifier, branch teacher of a self-distillation, timm ViT'),
    (files.ibot_backbone, VIT, 'bare backbone, timm ViT'),
]


@pytest.mark.parametrize('write, config, layout', FORMATS)
def test_load_backbone__official_features(tmp_path, write, config, layout):
    state = encoder(config)
    network, report = loaded(config, write(tmp_path / 'release.pth', state))
    x = images(config['img_size'])
    with torch.no_grad():
        difference = (network(x)[-1].double() - features(config, state, x)).abs().max()
    assert difference < 1e-5
    assert f'{report.release}, {report.naming}' == layout
    assert report.covered == report.parameters
