"""Tensors that are not ordinary: widened where that is exact, else refused in words."""

import re

import pytest
import torch
from mmpretrain.registry import MODELS
from safetensors.torch import save_file
from torch import nn

from mimco_mm.checkpoints import CheckpointError, load_backbone
from mimco_mm.checkpoints.tensors import ordinary

from ..reference.official import swin, vit

VIT = dict(type='VisionTransformer', img_size=64, patch_size=16, out_type='featmap', arch=dict(
    embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=192))
SWIN = dict(
    type='SwinTransformer', img_size=32, window_size=2, drop_path_rate=0., out_indices=(1, ),
    arch=dict(embed_dims=8, depths=[2, 2], num_heads=[1, 2]))
KEY = 'model.target_generator.checkpoint'


def load(path, config: dict) -> dict:
    network = MODELS.build(config)
    load_backbone(network, str(path), config_key=KEY)
    return network.state_dict()


def floats_of_8_bits(state: dict) -> dict:
    return {key: value.to(torch.float8_e4m3fn) if value.is_floating_point() else value
            for key, value in state.items()}


@pytest.mark.parametrize('config, state', [(VIT, vit.random_vit), (SWIN, swin.random_swin)])
@pytest.mark.parametrize('save', [torch.save, save_file])
def test_load_backbone__floats_of_8_bits_are_widened(tmp_path, config, state, save):
    small = floats_of_8_bits({key: value.contiguous() for key, value in state().items()
                              if not key.endswith(('attn_mask', 'position_index'))})
    save(small, tmp_path / 'small.pth')
    torch.save({key: value.float() for key, value in small.items()}, tmp_path / 'wide.pth')
    found, expected = load(tmp_path / 'small.pth', config), load(tmp_path / 'wide.pth', config)
    assert found['patch_embed.projection.weight'].dtype == torch.float32
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_load_backbone__scales_of_8_bit_weights_are_not_ignored(tmp_path):
    state = {**floats_of_8_bits(vit.random_vit()), 'blocks.0.attn.qkv.weight_scale': torch.ones(1)}
    torch.save(state, tmp_path / 'scaled.pth')
    with pytest.raises(CheckpointError, match='unexpected: layers.0.attn.qkv.weight_scale'):
        load(tmp_path / 'scaled.pth', VIT)


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('odd, reason', [
    (lambda value: value.to('meta'), 'has no values: the network was saved before its weights'),
    (lambda value: value.to_sparse(), 'is of layout torch.sparse_coo: expected ordinary, dense'),
    (lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8),
     'is quantised: expected ordinary, dense')])
def test_load_backbone__tensors_without_ordinary_values(tmp_path, odd, reason):
    state = vit.random_vit()
    state['norm.weight'] = odd(state['norm.weight'])
    torch.save(dict(model=state), tmp_path / 'odd.pth')
    with pytest.raises(CheckpointError) as error:
        load(tmp_path / 'odd.pth', VIT)
    assert re.search(f'odd.pth: norm.weight {reason}', str(error.value)) and KEY in str(error.value)


def test_load_backbone__odd_tensors_beside_the_backbone_are_no_hindrance(tmp_path):
    state = {f'backbone.{key}': value for key, value in
             vit.vit_to_mmpretrain(vit.random_vit()).items()}
    torch.save(dict(state_dict={**state, 'head.fc.weight': torch.ones(2, device='meta')}),
               tmp_path / 'run.pth')
    assert torch.equal(load(tmp_path / 'run.pth', VIT)['ln1.bias'], state['backbone.ln1.bias'])


def test_ordinary__lazy_and_packed():
    with pytest.raises(CheckpointError, match='x has no values'):
        ordinary('x', nn.UninitializedParameter())
    if hasattr(torch, 'float4_e2m1fn_x2'):
        packed = torch.zeros(4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
        with pytest.raises(CheckpointError, match='x is of torch.float4_e2m1fn_x2, of which torch'):
            ordinary('x', packed)


@pytest.mark.parametrize('content, reason', [
    (lambda: dict(model=nn.Linear(2, 2), epoch=3),
     r'No tensors in it, but pickled objects: model \(a Linear\)\. These are not unpickled'),
    (lambda: dict(model_ema=vit.random_vit(), epoch=3),
     'No tensors where a network has them, but under model_ema: save what'),
    (lambda: dict(epoch=3), r"No tensors in it; its keys are \['epoch'\]")])
def test_load_backbone__what_lies_in_the_place_of_weights_is_told(tmp_path, content, reason):
    torch.save(content(), tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match=reason):
        load(tmp_path / 'other.pth', VIT)
