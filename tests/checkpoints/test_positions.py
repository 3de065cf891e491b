"""Position embeddings and relative-position tables of another size: resized, and said so."""

import re

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import CheckpointError, load_backbone
from mimco_mm.checkpoints.positions import grid_of, is_sincos, resize_positions, table_side

from ..reference.official import files, swin, vit

TOLERANCE = 1e-10  # of features in float64
ROUNDING = 1e-6  # of positions that were computed in float32
HEADS = (1, 2, 4)
ARCH = dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=192)


def swin_of(window: int, size: int = 32, **arguments) -> dict:
    return dict(
        type='SwinTransformer', arch=dict(embed_dims=8, depths=[2, 2, 2], num_heads=list(HEADS)),
        img_size=size, patch_size=2, window_size=window, out_indices=(2, ), drop_path_rate=0.,
        **arguments)


def vit_of(size: int, kind: str = 'VisionTransformer', **arguments) -> dict:
    return dict(type=kind, img_size=size, patch_size=16, out_type='featmap', arch=ARCH,
                **arguments)


def beit_of(size: int) -> dict:
    return vit_of(size, 'BEiTViT', final_norm=True, use_abs_pos_emb=False, use_rel_pos_bias=False,
                  use_shared_rel_pos_bias=True, layer_scale_init_value=0.1)


def random_swin(window: int, size: int = 32) -> dict:
    return swin.random_swin(depths=(2, 2, 2), num_heads=HEADS, window=window, patch=2,
                            img_size=size)


def bicubic(grid: torch.Tensor, side: int) -> torch.Tensor:
    """Each channel of a map (side, side, C) by itself, as an image."""
    channels = [F.interpolate(grid[None, None, :, :, channel], size=(side, side), mode='bicubic',
                              align_corners=False)[0, 0] for channel in range(grid.shape[2])]
    return torch.stack(channels, dim=-1)


def resized_positions(embedding: torch.Tensor, side: int, target: int) -> torch.Tensor:
    grid = bicubic(embedding[0, 1:].reshape(side, side, -1), target)
    return torch.cat((embedding[:, :1], grid.reshape(1, target * target, -1)), dim=1)


def resized_table(table: torch.Tensor, window: int, target: int) -> torch.Tensor:
    """Rows of all offsets -(w - 1) .. w - 1, down and right; what follows them stays."""
    side, wanted = 2 * window - 1, 2 * target - 1
    grid = bicubic(table[:side * side].reshape(side, side, -1), wanted)
    return torch.cat((grid.reshape(wanted * wanted, -1), table[side * side:]))


def load(tmp_path, state: dict, config: dict) -> tuple:
    torch.save(state, tmp_path / 'release.pth')
    network = MODELS.build(config)
    network.init_weights()
    return network, load_backbone(network, str(tmp_path / 'release.pth'), config_key='checkpoint')


def check_features(network: torch.nn.Module, size: int, formula, tolerance=TOLERANCE) -> None:
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(5)).double()
    network.double().eval()
    with torch.no_grad():
        found, expected = network(x)[-1], formula(x)
    assert found.shape == expected.shape and expected.std() > 0.1
    assert (found - expected).abs().max() < tolerance


@pytest.mark.parametrize('source, target', [(64, 96), (96, 64), (64, 16)])
def test_load_backbone__learned_positions_are_interpolated(tmp_path, source, target):
    state = vit.random_vit(img_size=source)
    network, report = load(tmp_path, state, vit_of(target))
    grids = source // 16, target // 16
    expected = resized_positions(state['pos_embed'], *grids)
    assert torch.equal(expected[:, 0], state['pos_embed'][:, 0])
    assert network.pos_embed.shape == expected.shape
    assert (network.pos_embed - expected).abs().max() < ROUNDING
    note = 'pos_embed {0} x {0} -> {1} x {1}'.format(*grids)
    assert report.resized == (note, ) and f'resized: {note}' in str(report)
    assert report.covered == report.parameters
    check_features(network, target, lambda x: vit.vit_features(
        {**state, 'pos_embed': expected}, x, heads=4)[0])


def test_load_backbone__positions_of_the_same_size_are_left_alone(tmp_path):
    state = vit.random_vit()
    network, report = load(tmp_path, state, vit_of(64))
    assert torch.equal(network.pos_embed, state['pos_embed'])
    assert report.resized == () and 'resized' not in str(report)


@pytest.mark.parametrize('source, target', [(64, 96), (96, 64), (64, 32)])
def test_load_backbone__fixed_positions_are_computed_anew(tmp_path, source, target):
    state = vit.random_vit(img_size=source, positions='mocov3')
    network, report = load(tmp_path, state, vit_of(target, 'MoCoV3ViT'))
    side = target // 16
    expected = vit.sincos_positions(48, side, side)
    assert (network.pos_embed - expected).abs().max() < ROUNDING
    # which interpolation would not have given
    assert (resized_positions(state['pos_embed'], source // 16, side) - expected).abs().max() > 0.1
    assert report.resized == ('pos_embed computed anew', )
    assert 'resized: pos_embed computed anew' in str(report) and '0 missing' in str(report)
    assert report.parameters - report.covered == expected.numel()
    check_features(network, target, lambda x: vit.vit_features(
        {**state, 'pos_embed': expected}, x, heads=4)[0], ROUNDING)


@pytest.mark.parametrize('size', [64, 96])
def test_load_backbone__learned_positions_for_fixed_ones_are_refused(tmp_path, size):
    with pytest.raises(CheckpointError, match='fixed by formula, but of other values: pos_embed'):
        load(tmp_path, vit.random_vit(), vit_of(size, 'MoCoV3ViT'))


def test_load_backbone__fixed_positions_for_learned_ones_are_interpolated(tmp_path):
    state = vit.random_vit(positions='mocov3')
    network, report = load(tmp_path, state, vit_of(96))
    expected = resized_positions(state['pos_embed'], 4, 6)
    assert (network.pos_embed - expected).abs().max() < ROUNDING
    assert report.resized == ('pos_embed 4 x 4 -> 6 x 6', )


@pytest.mark.parametrize('source, target', [(4, 2), (2, 4)])
@pytest.mark.parametrize('timm_names', [False, True])
def test_load_backbone__tables_of_another_window(tmp_path, source, target, timm_names):
    state = random_swin(source)
    network, report = load(tmp_path, swin.swin_to_timm(state) if timm_names else state,
                           swin_of(target))
    loaded, expected = network.state_dict(), dict(state)
    for key, value in state.items():
        if key.endswith('relative_position_bias_table'):
            expected[key] = resized_table(value, source, target)
            name = key.replace('layers', 'stages').replace('attn', 'attn.w_msa')
            assert (loaded[name] - expected[key]).abs().max() < ROUNDING
            index = loaded[name.replace('bias_table', 'index')]
            assert torch.equal(index, swin.relative_index_table(target))
    anew = () if timm_names else ('relative_position_index computed anew', )
    note = f'relative_position_bias_table window {source} -> {target}'
    assert sorted(report.resized) == sorted((note, *anew))
    assert note in str(report).partition('resized: ')[2]
    assert report.covered == report.parameters
    check_features(network, 32, lambda x: swin.swin_features(expected, x, HEADS, window=target))


def test_load_backbone__tables_of_another_window_into_timms_network(tmp_path):
    pytest.importorskip('timm')
    state = random_swin(4)
    network, report = load(tmp_path, state, dict(
        type='TimmFeatureMap', model_name='swin_tiny_patch4_window7_224', embed_dim=8,
        depths=(2, 2, 2), num_heads=HEADS, img_size=32, patch_size=2, window_size=2))
    expected = {key: resized_table(value, 4, 2) if key.endswith('bias_table') else value
                for key, value in state.items()}
    assert report.resized == ('relative_position_bias_table window 4 -> 2', )
    check_features(network, 32, lambda x: swin.swin_features(expected, x, HEADS, window=2))


def test_load_backbone__only_the_tables_of_other_windows_are_resized(tmp_path):
    # Maps of 8, 4 and 2 tokens a side: the last window is 2. So it is in iBOT's Swin of window 14.
    state = random_swin(4, size=16)
    tables = [f'{{}}.{stage}.blocks.0.{{}}.relative_position_bias_table' for stage in range(3)]
    network, report = load(tmp_path, state, swin_of(4, size=32))
    loaded = network.state_dict()
    for name in tables[:2]:
        assert torch.equal(loaded[name.format('stages', 'attn.w_msa')],
                           state[name.format('layers', 'attn')])
    expected = resized_table(state[tables[2].format('layers', 'attn')], 2, 4)
    assert (loaded[tables[2].format('stages', 'attn.w_msa')] - expected).abs().max() < ROUNDING
    assert 'relative_position_bias_table window 2 -> 4' in report.resized


def test_load_backbone__absolute_positions_of_swin(tmp_path):
    state = random_swin(2)
    state['absolute_pos_embed'] = vit.Draw(1).normal(1, 16 * 16, 8)
    network, report = load(tmp_path, state, swin_of(2, size=16, use_abs_pos_embed=True))
    grid = bicubic(state['absolute_pos_embed'].reshape(16, 16, 8), 8)
    assert (network.absolute_pos_embed[0] - grid.flatten(0, 1)).abs().max() < ROUNDING
    assert report.resized == ('absolute_pos_embed 16 x 16 -> 8 x 8', )


@pytest.mark.parametrize('source, target', [(64, 96), (96, 64)])
def test_load_backbone__beits_table_keeps_its_three_rows_of_the_class_token(
        tmp_path, source, target):
    state = vit.random_simmim_vit(heads=4, img_size=source)
    name, grids = 'rel_pos_bias.relative_position_bias_table', (source // 16, target // 16)
    network, report = load(tmp_path, state, beit_of(target))
    expected = resized_table(state[name], *grids)
    assert torch.equal(expected[-3:], state[name][-3:]) and len(expected) % 2 == 0
    found = network.state_dict()
    assert (found[name] - expected).abs().max() < ROUNDING
    assert torch.equal(found['rel_pos_bias.relative_position_index'],
                       vit.relative_index_table(grids[1], grids[1]))
    assert 'relative_position_bias_table window {} -> {}'.format(*grids) in report.resized
    check_features(network, target, lambda x: vit.simmim_vit_features(
        {**state, name: expected}, x, heads=4)[0])


def edited(state: dict, key: str, *shape: int) -> dict:
    return {**state, key: vit.Draw(1).normal(*shape)}


POSITIONS = 'pos_embed'
TABLE = 'layers.0.blocks.0.attn.relative_position_bias_table'


@pytest.mark.parametrize('state, config, reason', [
    (lambda: edited(vit.random_vit(), POSITIONS, 1, 1 + 2 * 3, 48), vit_of(64),
     'pos_embed has 7 positions, which make no square grid, with or without a class token'),
    (lambda: edited(vit.random_vit(), POSITIONS, 1, 36, 48), vit_of(64),
     'pos_embed has 0 class tokens in the file, and 1 in the network'),
    (lambda: edited(vit.random_vit(), POSITIONS, 1, 16, 48), vit_of(64),
     'pos_embed has 0 class tokens in the file, and 1 in the network'),
    (lambda: edited(vit.random_vit(), POSITIONS, 1, 37, 40), vit_of(64),
     'of another shape (file -> network): pos_embed (1, 37, 40) -> (1, 17, 48)'),
    (lambda: edited(vit.random_vit(), POSITIONS, 37, 48), vit_of(64),
     'of another shape (file -> network): pos_embed (37, 48) -> (1, 17, 48)'),
    (lambda: edited(random_swin(4), TABLE, 50, 1), swin_of(4),
     f'{TABLE.replace("layers", "stages").replace("attn", "attn.w_msa")} has 50 rows in the file '
     'and 49 in the network: these are not tables of two square windows'),
    (lambda: edited(random_swin(4), TABLE, 4 * 4, 1), swin_of(4), 'has 16 rows in the file'),
    (lambda: edited(random_swin(4), TABLE, 49 + 3, 1), swin_of(4), 'has 52 rows in the file'),
    (lambda: edited(random_swin(4), TABLE, 9, 2), swin_of(4),
     'relative_position_bias_table (9, 2) -> (49, 1)'),
    (lambda: edited(vit.random_simmim_vit(heads=4), 'rel_pos_bias.relative_position_bias_table',
                    49, 4), beit_of(64), 'has 49 rows in the file and 52 in the network'),
])
def test_load_backbone__positions_that_cannot_be_resized(tmp_path, state, config, reason):
    with pytest.raises(CheckpointError, match=re.escape(reason)):
        load(tmp_path, state(), config)


def test_load_backbone__class_token_in_the_file_alone(tmp_path):
    state = vit.random_vit(img_size=96)
    wanted = dict(pos_embed=torch.zeros(1, 16, 48))
    with pytest.raises(CheckpointError, match='1 class tokens in the file, and 0 in the network'):
        resize_positions(dict(pos_embed=state['pos_embed']), wanted, fixed=set())


def test_resize_positions__changes_neither_its_input_nor_other_tensors():
    state = dict(pos_embed=torch.ones(1, 17, 8), weight=torch.ones(3), alone=torch.ones(1))
    wanted = dict(pos_embed=torch.zeros(1, 37, 8), weight=torch.zeros(4))
    resized, notes = resize_positions(state, wanted, fixed=set())
    assert state['pos_embed'].shape == (1, 17, 8) and notes == ['pos_embed 4 x 4 -> 6 x 6']
    assert resized['weight'] is state['weight'] and resized['alone'] is state['alone']
    assert (resized['pos_embed'] - 1).abs().max() < ROUNDING  # constant stays constant
    half, _ = resize_positions({'pos_embed': torch.ones(1, 17, 8).half()}, wanted, fixed=set())
    assert half['pos_embed'].dtype == torch.float16


@pytest.mark.parametrize('length, expected', [
    (1, (1, 0)), (4, (2, 0)), (5, (2, 1)), (16, (4, 0)), (17, (4, 1)), (196, (14, 0)),
    (197, (14, 1)), (1370, (37, 1)), (36864, (192, 0))])
def test_grid_of(length, expected):
    assert grid_of(length, 'pos_embed') == expected


@pytest.mark.parametrize('rows, expected', [
    (1, (1, 0)), (9, (3, 0)), (169, (13, 0)), (529, (23, 0)), (732, (27, 3)), (52, (7, 3)),
    (16, (None, 0)), (50, (None, 0)), (0, (None, 0)), (170, (None, 0))])
def test_table_side(rows, expected):
    assert table_side(rows) == expected


def test_is_sincos():
    positions = vit.sincos_positions(48, 5, 5)
    assert is_sincos(positions) and is_sincos(positions.half()) and is_sincos(positions.double())
    assert is_sincos(vit.sincos_positions(384, 14, 14))
    rows_and_columns_swapped = torch.cat((
        positions[:, :1], positions[:, 1:].unflatten(1, (5, 5)).transpose(1, 2).flatten(1, 2)), 1)
    random = torch.randn(1, 26, 48, generator=torch.Generator().manual_seed(1))
    others = (
        positions[:, 1:], positions[0], rows_and_columns_swapped, positions + 0.01 * random, random,
        vit.sincos_positions(48, 5, 4), vit.sincos_positions(48, 5, 5, temperature=100.),
        positions[..., :46], torch.zeros(1, 26, 48))
    assert not any(is_sincos(other) for other in others)


def test_files_of_moco_v3_have_positions_in_both_branches(tmp_path):
    """That positions are computed anew for the online branch is no accident of the other one's."""
    file = files.moco_v3(tmp_path / 'a.pth', vit.random_vit(positions='mocov3'))
    state = torch.load(file, weights_only=True)['state_dict']
    assert is_sincos(state['module.base_encoder.pos_embed'])
    assert not is_sincos(state['module.momentum_encoder.pos_embed'])
