"""The students' backbones: plain networks without a mask, blind under one with a mask."""

import math

import pytest
import torch
from mmpretrain.registry import MODELS

import mimco_mm  # noqa: F401

SWIN = dict(
    type='MaskedSwinTransformer', img_size=64, window_size=2, drop_path_rate=0.,
    arch=dict(embed_dims=8, depths=[2, 2, 2, 2], num_heads=[1, 2, 4, 8]))
VIT = dict(
    type='MaskedMoCoV3ViT', img_size=64, patch_size=16, drop_path_rate=0.,
    arch=dict(embed_dims=48, num_layers=2, num_heads=12, feedforward_channels=96))
STUDENTS = pytest.mark.parametrize('config', [SWIN, VIT], ids=['swin', 'vit'])


def build(config: dict, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    network = MODELS.build(config)
    network.init_weights()
    with torch.no_grad():
        network.mask_token.normal_()  # large, so that its trace cannot be missed
    return network


def plain(config: dict) -> torch.nn.Module:
    """mmpretrain's own network for a student's config."""
    if config is SWIN:
        return MODELS.build({**config, 'type': 'SwinTransformer'})
    return MODELS.build({**config, 'type': 'MoCoV3ViT', 'out_type': 'featmap'})


def one_masked(row: int, column: int) -> torch.Tensor:
    """A mask of 32-px units, (1, 2, 2), of one unit."""
    mask = torch.zeros(1, 2, 2, dtype=torch.bool)
    mask[0, row, column] = True
    return mask


@STUDENTS
@pytest.mark.parametrize('mask', [None, torch.zeros(2, 2, 2)], ids=['none', 'empty'])
def test_forward__without_masked_cells_is_the_plain_backbone(config, mask):
    student, reference = build(config), plain(config)
    state = {k: v for k, v in student.state_dict().items() if k != 'mask_token'}
    reference.load_state_dict(state, strict=True)
    x = torch.randn(2, 3, 64, 64)
    features = student(x, mask)
    assert len(features) == 1
    assert torch.equal(features[0], reference(x)[-1])


@STUDENTS
@pytest.mark.parametrize('row, column', [(0, 0), (0, 1), (1, 0)])
def test_forward__masked_pixels_have_no_influence_and_others_do(config, row, column):
    student = build(config)
    x = torch.randn(1, 3, 64, 64, requires_grad=True)
    student(x, one_masked(row, column))[-1].square().sum().backward()
    influence = x.grad.abs().sum((0, 1)).reshape(2, 32, 2, 32).amax((1, 3))
    expected = torch.ones(2, 2, dtype=torch.bool)
    expected[row, column] = False
    assert torch.equal(influence > 0, expected)
    assert influence[row, column] == 0


@STUDENTS
def test_forward__masks_are_each_images_own(config):
    student = build(config)
    x, masks = torch.randn(2, 3, 64, 64), torch.tensor([[[1, 0], [0, 0]], [[0, 0], [1, 1]]])
    together = student(x, masks)[-1]
    for i in range(2):
        torch.testing.assert_close(together[i:i + 1], student(x[i:i + 1], masks[i:i + 1])[-1])
    assert not torch.allclose(together, student(x, masks.flip(0))[-1])


@STUDENTS
def test_forward__everything_masked_is_independent_of_the_image(config):
    student, mask = build(config), torch.ones(2, 2, 2)
    one, other = (student(torch.randn(2, 3, 64, 64), mask)[-1] for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.allclose(one, student(torch.randn(2, 3, 64, 64))[-1])


@STUDENTS
def test_forward__mask_token_gets_a_gradient_where_there_is_a_mask(config):
    student, x = build(config), torch.randn(1, 3, 64, 64)
    student(x, torch.zeros(1, 2, 2))[-1].square().sum().backward()
    token = student.mask_token
    assert token.grad is None or token.grad.abs().sum() == 0
    student(x, one_masked(0, 1))[-1].square().sum().backward()
    assert token.grad.abs().min() > 0


def test_forward__masked_tokens_of_the_vit_know_their_position():
    student = build(VIT)
    features = student(torch.randn(1, 3, 64, 64), torch.ones(1, 2, 2))[-1].flatten(2)[0].T
    distance = torch.cdist(features, features) + torch.eye(len(features))
    assert distance.min() > 1e-3


@STUDENTS
@pytest.mark.parametrize('grid', [(1, 1), (2, 2), (4, 4), (2, 4)])
def test_forward__mask_grids_that_divide_the_tokens_agree(config, grid):
    student, x = build(config), torch.randn(1, 3, 64, 64)
    mask = torch.zeros(1, *grid)
    mask[..., :max(1, grid[1] // 2)] = 1
    tokens = 16 if config is SWIN else 4
    fine = torch.zeros(1, tokens, tokens)
    fine[..., :tokens // 2 if grid[1] > 1 else tokens] = 1
    assert torch.equal(student(x, mask)[-1], student(x, fine)[-1])


@STUDENTS
@pytest.mark.parametrize('grid', [(3, 3), (32, 32), (2, 3)])
def test_forward__mask_grid_that_does_not_map_is_refused(config, grid):
    with pytest.raises(ValueError, match=rf'{grid[0]} x {grid[1]} units does not map onto'):
        build(config)(torch.randn(1, 3, 64, 64), torch.ones(1, *grid))


@pytest.mark.parametrize('config, channels, side', [
    (dict(type='MaskedSwinTransformer', arch='tiny', img_size=224), 768, 7),
    (dict(type='MaskedMoCoV3ViT', arch='mocov3-small', img_size=224, patch_size=16), 384, 14),
], ids=['swin-t', 'vit-s'])
def test_forward__the_papers_networks_at_224_px(config, channels, side):
    student = MODELS.build(config)
    mask = (torch.arange(49) < 30).reshape(1, 7, 7)
    with torch.no_grad():
        assert student(torch.randn(1, 3, 224, 224), mask)[-1].shape == (1, channels, side, side)


def test_swin__windows_of_the_papers_networks_are_7_px_wide():
    for arch in ('tiny', 'base'):
        student = MODELS.build(dict(type='MaskedSwinTransformer', arch=arch, img_size=224))
        tables = [p for name, p in student.named_parameters()
                  if name.endswith('relative_position_bias_table')]
        assert len(tables) == sum(student.depths) and {len(t) for t in tables} == {13 * 13}


@pytest.mark.parametrize('arch, width', [('mocov3-small', 384), ('base', 768)])
def test_vit__has_12_heads(arch, width):
    student = MODELS.build(dict(type='MaskedMoCoV3ViT', arch=arch, img_size=224, patch_size=16))
    assert [layer.attn.num_heads for layer in student.layers] == [12] * 12
    assert [layer.attn.head_dims for layer in student.layers] == [width // 12] * 12


def sin_cos_position(row: int, column: int, width: int) -> list:
    """MoCo v3's code of one patch: sin and cos of the row, then of the column, T = 1e4."""
    angles = [[place / 10000 ** (4 * i / width) for i in range(width // 4)]
              for place in (row, column)]
    return [f(angle) for part in angles for f in (math.sin, math.cos) for angle in part]


@pytest.mark.parametrize('image, width', [((64, 64), 48), ((224, 224), 384)])
def test_vit__positions_are_moco_v3s_formula(image, width):
    rows, columns = image[0] // 16, image[1] // 16
    student = build({**VIT, 'img_size': image, 'arch': {**VIT['arch'], 'embed_dims': width}})
    expected = [[0.] * width] + [sin_cos_position(row, column, width) for row in range(rows)
                                 for column in range(columns)]
    torch.testing.assert_close(student.pos_embed[0], torch.tensor(expected), rtol=0, atol=1e-5)
    plain_vit = MODELS.build({**VIT, 'type': 'MoCoV3ViT', 'img_size': image,
                              'arch': {**VIT['arch'], 'embed_dims': width}})
    plain_vit.init_weights()
    assert torch.equal(student.pos_embed, plain_vit.pos_embed)


def test_vit__positions_get_no_gradient_from_construction_on():
    student = MODELS.build(VIT)
    for prepare in (lambda: None, student.init_weights, student.train):
        prepare()
        assert not student.pos_embed.requires_grad
    names = {name for name, p in student.named_parameters() if not p.requires_grad}
    assert names == {'pos_embed'}


@pytest.mark.parametrize('config, std, limit', [
    ({**SWIN, 'arch': 'tiny', 'img_size': 224, 'window_size': 7}, 0.02, 2.),
    # truncated at one standard deviation: sqrt(1 - 2 phi(1) / (2 Phi(1) - 1)) of it is left
    ({**VIT, 'arch': 'base'}, 0.02 * 0.53956, 0.02),
], ids=['swin', 'vit'])
def test_mask_token__is_initialised_as_in_simmim(config, std, limit):
    torch.manual_seed(0)
    student = MODELS.build(config)
    assert student.mask_token.abs().sum() == 0
    student.init_weights()
    token = student.mask_token
    assert token.shape == (1, 1, student.embed_dims) and token.requires_grad
    assert token.abs().max() <= limit
    assert token.std().item() == pytest.approx(std, rel=3 / math.sqrt(2 * token.numel()))
    assert token.mean().item() == pytest.approx(0, abs=3 * std / math.sqrt(token.numel()))
