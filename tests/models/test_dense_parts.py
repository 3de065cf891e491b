"""What a detector or a segmenter takes of ours: tapped ViT, pyramid, layer-wise learning rates."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F

import mimco_mm  # noqa: F401

from ..reference.official.vit import layer_norm, random_vit, vit_features, vit_to_mmpretrain

ARCH = dict(embed_dims=48, num_layers=3, num_heads=12, feedforward_channels=192)


def tapped(**kwargs) -> nn.Module:
    network = MODELS.build(dict(type='TappedViT', arch=ARCH, img_size=64, patch_size=16,
                                out_type='featmap', **kwargs))
    network.load_state_dict(vit_to_mmpretrain(random_vit()), strict=True)
    return network


def test_tapped_vit__every_output_goes_through_the_final_norm():
    state, x = random_vit(), torch.rand(2, 3, 64, 64, dtype=torch.float64)
    network = tapped(out_indices=[0, 1, 2]).double()
    network.eval()  # which mmpretrain answers with None
    outputs = network(x)
    for block, output in enumerate(outputs):
        tokens = vit_features(state, x, heads=12, block=block)[0].permute(0, 2, 3, 1)
        expected = layer_norm({k: v.double() for k, v in state.items()}, 'norm', tokens, 1e-6)
        torch.testing.assert_close(output, expected.permute(0, 3, 1, 2))
    torch.testing.assert_close(outputs[-1], vit_features(state, x, heads=12)[0])


def test_tapped_vit__trains_all_of_it_on_images_of_any_size():
    network = tapped()
    (output, ) = network(torch.rand(1, 3, 96, 48))
    assert output.shape == (1, 48, 6, 3)
    output.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_pyramid__is_vitdets():
    torch.manual_seed(0)
    neck = MODELS.build(dict(type='SimpleFeaturePyramid', in_channels=16, out_channels=6)).double()
    x = torch.randn(2, 16, 4, 6, dtype=torch.float64)
    weights = dict(neck.named_parameters())

    def norm(y, name):
        y = F.layer_norm(y.permute(0, 2, 3, 1), (y.shape[1], ), weights[f'{name}.weight'],
                         weights[f'{name}.bias'], 1e-6)
        return y.permute(0, 3, 1, 2)

    def double(y, name):
        return F.conv_transpose2d(y, weights[f'{name}.weight'], weights[f'{name}.bias'], stride=2)

    scaled = [double(F.gelu(norm(double(x, 'scales.0.0'), 'scales.0.1')), 'scales.0.3'),
              double(x, 'scales.1'), x, F.max_pool2d(x, 2)]
    expected = []
    for level, y in enumerate(scaled):
        for place, padding in ((0, 0), (1, 1)):
            name = f'convs.{level}.{place}'
            y = norm(F.conv2d(y, weights[f'{name}.conv.weight'], padding=padding), f'{name}.ln')
        expected.append(y)
    expected.append(expected[-1][:, :, ::2, ::2])
    outputs = neck((torch.zeros_like(x), x))
    assert [output.shape[2:] for output in outputs] == [
        (16, 24), (8, 12), (4, 6), (2, 3), (1, 2)]
    for output, target in zip(outputs, expected, strict=True):
        torch.testing.assert_close(output, target)


def optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
    return build_optim_wrapper(model, dict(
        constructor='mmpretrain.BackboneLayerDecayConstructor',
        optimizer=dict(type='AdamW', lr=1., weight_decay=1.),
        paramwise_cfg=dict(layer_decay_rate=0.5))).optimizer


def test_layer_decay__asks_the_backbone():
    model = nn.Module()
    model.backbone, model.decode_head = tapped(), nn.Linear(2, 2)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates = {names[id(group['params'][0])]: group['lr']
             for group in optimizer_of(model).param_groups}
    assert len(rates) == len(names)
    assert (rates['backbone.pos_embed'], rates['backbone.layers.2.ln1.bias'],
            rates['backbone.ln1.weight'], rates['decode_head.bias']) == (0.5**4, 0.5, 1., 1.)


def test_layer_decay__backbone_without_depths():
    model = nn.Module()
    model.backbone = nn.Linear(2, 2)
    with pytest.raises(ValueError, match='got Linear: .*model.backbone.type=mmpretrain'):
        optimizer_of(model)
