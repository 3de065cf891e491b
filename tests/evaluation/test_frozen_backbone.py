"""A network built from what its file tells gives the features of the official formulas."""

import pytest
import torch

from mimco_mm.checkpoints import CheckpointError
from mimco_mm.evaluation import load_described_backbone

from ..reference.official import files, swin, vit
from ..reference.official.bias_tables import geometric_table

TOLERANCE = 1e-10  # both run in float64
SWIN_HEADS = (1, 2, 4)


def swin_formula(state: dict, x: torch.Tensor) -> torch.Tensor:
    return swin.swin_features(state, x, SWIN_HEADS, window=4)


def vit_formula(heads: int, formula=vit.vit_features):
    return lambda state, x: formula(state, x, heads=heads)[0]


def random_swin() -> dict:
    return swin.random_swin(depths=(2, 2, 2), num_heads=SWIN_HEADS, window=4, patch=2)


def vit_s(positions: str) -> dict:
    return vit.random_vit(width=384, depth=2, img_size=64, mlp_ratio=1, positions=positions)


# (writer, encoder, formula, side of the images, heads where the file does not tell)
CASES = {
    'MoBY Swin': (files.moby, random_swin, swin_formula, 32, None),
    'SimMIM Swin': (files.simmim, random_swin, swin_formula, 32, None),
    'Swin': (files.swin, random_swin, swin_formula, 32, None),
    'timm Swin': (files.timm_swin, random_swin, swin_formula, 32, None),
    'mmpretrain Swin': (files.mmpretrain_swin, random_swin, swin_formula, 32, None),
    'MoCo v3 ViT-S, 12 heads': (files.moco_v3, lambda: vit_s('mocov3'), vit_formula(12), 64, None),
    'DINO ViT-S, 6 heads': (files.dino, lambda: vit_s('learned'), vit_formula(6), 64, None),
    'iBOT, other width': (files.ibot, vit.random_vit, vit_formula(4), 64, 4),
    'mmpretrain ViT': (files.mmpretrain_vit, vit.random_vit, vit_formula(3), 64, 3),
    'DINOv2': (files.dino_backbone, lambda: vit.random_vit(layer_scale=True, patch=14, img_size=56),
               vit_formula(4), 56, 4),
    'MAE, whole': (files.mae, lambda: vit_s('mae'), vit_formula(6), 64, None),
    'MAE, release': (files.mae_backbone, lambda: vit.random_vit(
        width=768, depth=1, mlp_ratio=1, positions='mae'), vit_formula(12), 64, None),
    'SimMIM ViT': (files.simmim, lambda: vit.random_simmim_vit(heads=3),
                   vit_formula(3, vit.simmim_vit_features), 64, None),
    'SimMIM ViT-S': (files.simmim, lambda: vit.random_simmim_vit(
        width=384, depth=1, heads=12, mlp_ratio=1), vit_formula(12, vit.simmim_vit_features), 64,
                     None),
}


def images(side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(2, 3, side, side, generator=generator, dtype=torch.float64)


def features(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network.cpu().double()(x)[-1]


@pytest.mark.parametrize('case', CASES)
def test_load_described_backbone__official_features(tmp_path, case):
    write, encoder, formula, side, heads = CASES[case]
    state = encoder()
    network, report = load_described_backbone(str(write(tmp_path / 'a.pth', state)), heads)
    assert not network.training
    x = images(side)
    expected = formula(state, x)
    found = features(network, x)
    assert found.shape == expected.shape and expected.std() > 0.1
    assert (found - expected).abs().max() < TOLERANCE
    assert report.covered == report.parameters and report.resized == report.fresh == ()
    beside = ('decoder', 'mask_token', 'head')
    assert not [name for name in report.left_out
                if not name.startswith(beside) and not name.endswith('attn_mask')]


def test_load_described_backbone__axes_of_maes_positions_are_those_of_the_file(tmp_path):
    """MAE's table has columns first, MoCo v3's rows: in the other's place the features change."""
    state = vit_s('mae')
    network, _ = load_described_backbone(str(files.mae(tmp_path / 'a.pth', state)))
    x = images(64)
    other = {**state, 'pos_embed': vit_s('mocov3')['pos_embed']}
    assert (features(network, x) - vit_formula(6)(other, x)).abs().max() > 1e-2


def test_load_described_backbone__simmims_relative_positions_at_another_size(tmp_path):
    """A file for 4 x 4 tokens, images of 6 x 6: the table is resized, and the report says so."""
    state = vit.random_simmim_vit(heads=3)
    path = str(files.simmim(tmp_path / 'a.pth', state))
    network, report = load_described_backbone(path, img_size=96)
    assert 'relative_position_bias_table window 4 -> 6, geometrically' in report.resized
    name = 'rel_pos_bias.relative_position_bias_table'
    table = geometric_table(state[name][:-3].double(), 4, 6)
    state[name] = torch.cat((table, state[name][-3:].double()))
    x = images(96)
    expected = vit_formula(3, vit.simmim_vit_features)(state, x)
    assert (features(network, x) - expected).abs().max() < 1e-5  # resized in float32


@pytest.mark.parametrize('write, state, arguments, reason', [
    (files.dino_backbone, vit.random_vit, dict(), 'heads of this ViT cannot be told'),
    (files.dino_backbone, lambda: vit_s('mocov3'), dict(heads=6), 'is of a ViT with 12 heads'),
    (files.simmim, vit.random_simmim_vit, dict(heads=4), r'bias_table \(52, 3\) -> \(52, 4\)'),
    (files.moby, random_swin, dict(img_size=36), '36 px do not divide into tokens of 8 px'),
    (files.mae_backbone, lambda: {key: value for key, value in vit_s('mae').items()
                                  if not key.startswith('norm.')},
     dict(), '2 tensors missing: ln1.bias, ln1.weight'),
])
def test_load_described_backbone__refusals(tmp_path, write, state, arguments, reason):
    path = write(tmp_path / 'a.pth', state())
    with pytest.raises(CheckpointError, match=reason):
        load_described_backbone(str(path), **arguments)
