"""SimMIM's bias tables for another window: resized as its authors do, and no other file's."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import load_backbone
from mimco_mm.checkpoints.geometric import geometric_places, geometric_weights, spline_weights
from mimco_mm.checkpoints.positions import resize_bias_table

from ..reference.official import files, swin, vit
from ..reference.official.bias_tables import geometric_table

ROUNDING = 1e-6
HEADS = (1, 2, 4)
WINDOWS = [(6, 7), (12, 14), (3, 4), (7, 6), (6, 14), (6, 20), (14, 4), (2, 3), (1, 3), (5, 1)]


def offsets(window: int) -> torch.Tensor:
    return torch.arange(1 - window, window, dtype=torch.float64)


def resized(table: torch.Tensor, target: int) -> torch.Tensor:
    return resize_bias_table(table, (2 * target - 1)**2, 'table', geometric=True)[0]


def test_resize__six_to_seven_as_in_simmims_own_code():
    """Offsets as values: what ``remap_pretrained_keys_swin`` of SimMIM's utils.py makes of them."""
    table = offsets(6).abs().repeat(11).reshape(121, 1)
    expected = [0, 1, 1.9280, 2.7626, 3.5689, 4.2990, 5]
    rows = resized(table, 7).reshape(13, 13)
    torch.testing.assert_close(rows[:, 6:], torch.tensor([expected] * 13).double(), atol=1e-4,
                               rtol=0)
    torch.testing.assert_close(rows.flip(1), rows)
    bicubic = resize_bias_table(table, 169, 'table', geometric=False)[0].reshape(13, 13)
    assert (bicubic[6, 7] - 0.7711).abs() < 1e-4  # which the authors' rule keeps at 1


@pytest.mark.parametrize('window, target', WINDOWS[:8])
def test_resize__equals_scipys_splines(window, target):
    table = vit.Draw(1).normal((2 * window - 1)**2 + 3, 2).double()
    torch.testing.assert_close(resized(table[:-3], target),
                               geometric_table(table[:-3], window, target))
    with_class_token = resize_bias_table(table, (2 * target - 1)**2 + 3, 'table', True)[0]
    torch.testing.assert_close(with_class_token, geometric_table(table, window, target))
    assert torch.equal(with_class_token[-3:], table[-3:])


def test_resize__a_cubic_polynomial_of_the_place_is_exact():
    """From 4 to 5: 1 + q + q^2 = 4, so q = (sqrt(13) - 1) / 2."""
    q = (13**0.5 - 1) / 2
    places = torch.tensor([1, 1 + q, 4], dtype=torch.float64)
    torch.testing.assert_close(geometric_places(3, 4), places)
    knots = torch.cat((-places.flip(0), places.new_zeros(1), places))

    def value(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        y, x = y[:, None], x[None]
        return (y**3 - 2 * y * x**2 + x**3 - y + 0.5).reshape(-1, 1)

    torch.testing.assert_close(resized(value(knots, knots), 5), value(offsets(5), offsets(5)))


@pytest.mark.parametrize('window, target', WINDOWS)
def test_resize__small_offsets_and_constants_keep_their_values(window, target):
    weights, kept = geometric_weights(2 * window - 1, 2 * target - 1), min(window, target, 2) - 1
    assert weights.shape == (2 * target - 1, 2 * window - 1)
    torch.testing.assert_close(weights.sum(1), torch.ones(2 * target - 1).double())
    for offset in range(-kept, kept + 1):
        expected = (offsets(window) == offset).double()
        torch.testing.assert_close(weights[target - 1 + offset], expected)
    torch.testing.assert_close(weights.flip(0, 1), weights)


def test_resize__the_ends_meet_unless_the_ratio_is_out_of_bounds():
    assert geometric_places(5, 6)[-1] == pytest.approx(6)
    assert geometric_places(5, 19)[-1] == pytest.approx(sum(1.5**power for power in range(5)))
    assert geometric_places(6, 5)[-1] == pytest.approx(sum(1.01**power for power in range(6)))
    assert torch.equal(geometric_weights(11, 39)[:6], geometric_weights(11, 39)[:1].expand(6, -1))


def test_spline__stays_accurate_with_many_knots():
    knots = torch.linspace(-25, 25, 47).double()
    values = torch.sin(knots / 5)
    torch.testing.assert_close(spline_weights(knots, knots) @ values, values, atol=1e-9, rtol=0)


def test_resize__keeps_the_files_precision():
    table = vit.Draw(1).normal(121, 2)
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        found = resized(table.to(dtype), 7)
        assert found.dtype == dtype
        assert (found.double() - resized(table.to(dtype).double(), 7)).abs().max() < 0.02


# Through files


def swin_of(window: int) -> dict:
    return dict(
        type='SwinTransformer', arch=dict(embed_dims=8, depths=[2, 2, 2], num_heads=list(HEADS)),
        img_size=32, patch_size=2, window_size=window, out_indices=(2, ), drop_path_rate=0.)


def load(path, config: dict) -> tuple:
    network = MODELS.build(config)
    network.init_weights()
    report = load_backbone(network, str(path), config_key='checkpoint')
    return network.state_dict(), report


@pytest.mark.parametrize('window, target', [(4, 2), (2, 4)])
def test_load_backbone__simmims_swin(tmp_path, window, target):
    state = swin.random_swin(depths=(2, 2, 2), num_heads=HEADS, window=window, patch=2)
    loaded, report = load(files.simmim(tmp_path / 'simmim.pth', state), swin_of(target))
    tables = {key: value for key, value in state.items() if key.endswith('bias_table')}
    assert len(tables) == 6
    for key, value in tables.items():
        found = loaded[key.replace('layers', 'stages').replace('attn', 'attn.w_msa')]
        assert (found - geometric_table(value, window, target)).abs().max() < ROUNDING
    note = f'relative_position_bias_table window {window} -> {target}, geometrically'
    assert note in report.resized and note in str(report)


def test_load_backbone__simmims_vit(tmp_path):
    state = vit.random_simmim_vit(heads=4, img_size=64)
    loaded, report = load(files.simmim(tmp_path / 'simmim.pth', state), dict(
        type='BEiTViT', img_size=96, patch_size=16, out_type='featmap', final_norm=True,
        arch=dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=192),
        use_abs_pos_emb=False, use_rel_pos_bias=False, use_shared_rel_pos_bias=True,
        layer_scale_init_value=0.1))
    name = 'rel_pos_bias.relative_position_bias_table'
    assert (loaded[name] - geometric_table(state[name], 4, 6)).abs().max() < ROUNDING
    assert 'relative_position_bias_table window 4 -> 6, geometrically' in report.resized


@pytest.mark.parametrize('model, geometric', [
    ('SwinForMaskedImageModeling', True), ('SwinForImageClassification', False)])
def test_load_backbone__simmims_swin_of_transformers(tmp_path, model, geometric):
    transformers = pytest.importorskip('transformers')
    torch.manual_seed(0)
    client = getattr(transformers, model)(transformers.SwinConfig(
        image_size=32, patch_size=2, embed_dim=8, depths=[2, 2, 2], num_heads=list(HEADS),
        window_size=4, encoder_stride=8))
    tables = {key: value for key, value in client.state_dict().items()
              if key.endswith('bias_table')}
    for table in tables.values():
        torch.nn.init.normal_(table)
    client.save_pretrained(tmp_path)
    loaded, report = load(tmp_path / 'model.safetensors', swin_of(2))
    assert f'bias_table window 4 -> 2{", geometrically" * geometric}, ' in f'{report}, '
    for key, value in tables.items():
        found = loaded[key.replace('swin.encoder.layers', 'stages').replace(
            'attention.self', 'attn.w_msa')]
        expected = resize_bias_table(value, 9, key, geometric)[0]
        assert (found - expected).abs().max() < ROUNDING
        assert ((found - geometric_table(value, 4, 2)).abs().max() < ROUNDING) == geometric
