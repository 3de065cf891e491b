"""The config that an architecture gives: the paper's networks, and what cannot be told."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import CheckpointError, describe, network_config
from mimco_mm.checkpoints.architecture import SwinArchitecture, ViTArchitecture

from ..reference.official import clip, files, swin

SWIN_B = SwinArchitecture(
    width=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), window=7, patch=4, mlp_ratio=4.)
VIT_S = ViTArchitecture(width=384, depth=12, heads=12, hidden=1536, image_size=224, patch=16)
SIMMIM_B = ViTArchitecture(width=768, depth=12, heads=12, hidden=3072, image_size=224, patch=16,
                           layer_scale=True, relative=True)


@pytest.mark.parametrize('architecture, network', [
    (SWIN_B, dict(type='SwinTransformer', arch='base')),
    (VIT_S, dict(type='MoCoV3ViT', arch='mocov3-small', patch_size=16)),
    (SIMMIM_B, dict(type='BEiTViT', arch='base', use_shared_rel_pos_bias=True, final_norm=True,
                    use_rel_pos_bias=False, out_type='featmap')),
])
def test_network_config__has_the_tensors_of_the_published_network(architecture, network):
    with torch.device('meta' if 'patch_size' in network else 'cpu'):
        found, expected = (MODELS.build(config).state_dict()
                           for config in (network_config(architecture), network))
    assert {key: value.shape for key, value in found.items()} == {
        key: value.shape for key, value in expected.items()}


@pytest.mark.parametrize('architecture, own, other, grid', [
    (SWIN_B, 224, 384, 12), (VIT_S, 224, 96, 6), (SIMMIM_B, 224, 96, 6)])
def test_network_config__image_size(architecture, own, other, grid):
    assert network_config(architecture)['img_size'] == own == architecture.image_size
    assert network_config(architecture, other)['img_size'] == other
    assert other == grid * architecture.stride
    for wrong in (other + 1, architecture.stride // 2):
        with pytest.raises(CheckpointError, match=f'{wrong} px do not divide into tokens of '
                                                  f'{architecture.stride} px'):
            network_config(architecture, wrong)


def test_network_config__images_smaller_than_a_swins_windows():
    with pytest.raises(CheckpointError, match='192 px .* 7 x 7 tokens: .* needs 224 px at least'):
        network_config(SWIN_B, 192)


def test_network_config__narrow_mlp(tmp_path):
    state = swin.random_swin()
    for key, value in state.items():
        if '.mlp.fc1.' in key:
            state[key] = value[:len(value) // 2]
        elif key.endswith('.mlp.fc2.weight'):
            state[key] = value[:, :value.shape[1] // 2]
    about = describe(str(files.swin(tmp_path / 'a.pth', state)))
    built = MODELS.build(network_config(about.architecture)).state_dict()
    assert {key: value.shape for key, value in about.found.state.items()} == {
        key: value.shape for key, value in built.items()}


def test_network_config__activation_of_clip_cannot_be_told(tmp_path):
    torch.save(clip.random_clip_visual(), tmp_path / 'clip.pth')
    about = describe(str(tmp_path / 'clip.pth'), heads=4)
    with pytest.raises(CheckpointError, match='GELU or QuickGELU cannot be told'):
        network_config(about.architecture)
