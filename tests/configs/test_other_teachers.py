"""Configs with teachers that are not the paper's: the parts of each fit together, at full size."""

from pathlib import Path

import pytest
import torch

from mimco_mm.engine import fit_teacher

from .support import CONFIGS, build_model

FOLDER = CONFIGS / 'pretrain' / 'other_teachers'
# name -> (teacher's class, its width, its grid for the student's images, student's width and grid)
EXPECTED = {
    'mimco_vit-s_dino-vit-s': ('VisionTransformer', 384, 14, 384, 14),
    'mimco_swin-t_dinov2-vit-s': ('VisionTransformer', 384, 14, 768, 7),
    'mimco_swin-t_timm-swin-t': ('TimmFeatureMap', 768, 7, 768, 7),
    'mimco_swin-t_esvit-swin-t': ('SwinTransformer', 768, 7, 768, 7),
    'mimco_vit-b_clip-vit-b': ('TimmFeatureMap', 768, 14, 768, 14),
}


# name -> what its name stands for: the student's width and the teacher's, and its side in px
NAMED = {
    'mimco_vit-s_dinov3-vit-s': (384, 384),
    'mimco_vit-b_dinov3-vit-b': (768, 768),
    'mimco_swin-t_dinov3-convnext-t': (768, 768),
    'mimco_swin-t_eupe-vit-s': (768, 384),
    'mimco_vit-b_siglip2-vit-b': (768, 768),
}


def test_other_teachers__are_those():
    assert {path.stem for path in FOLDER.glob('*.py')} == EXPECTED.keys() | NAMED.keys()


@pytest.mark.parametrize('name', NAMED)
def test_other_teachers__by_name_are_worked_out(name):
    from mmengine.config import Config
    cfg = Config.fromfile(FOLDER / f'{name}.py')
    timm = cfg.model.target_generator.timm
    fit_teacher(cfg)
    teacher, widths = cfg.model.target_generator, NAMED[name]
    assert teacher.checkpoint == f'timm:{timm}' and teacher.layer_norm_targets
    assert teacher.backbone.model_name == timm and 'input_size' not in teacher  # the student's 224
    assert ('input_norm' in teacher) == ('siglip' in name)
    assert {cfg.model[f'{level}_neck'].in_channels for level in ('patch', 'image')} == {widths[1]}
    assert cfg.model.get('adapter') == (None if widths[0] == widths[1] else dict(
        type='ChannelAdapter', in_channels=widths[0], out_channels=widths[1]))


@pytest.fixture(scope='module', params=EXPECTED)
def built(request):
    """(name, model) with the teacher as it is without its file, which no test has."""
    if EXPECTED[request.param][0] == 'TimmFeatureMap':
        pytest.importorskip('timm')
    from mmengine.config import Config
    model = build_model(Config.fromfile(FOLDER / f'{request.param}.py'))
    model.target_generator.report = object()
    model.target_generator.network.eval()
    return request.param, model


def test_other_teachers__features_and_necks_fit(built):
    name, model = built
    kind, width, grid, student_width, student_grid = EXPECTED[name]
    teacher = model.target_generator
    assert type(teacher.network).__name__ == kind
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert teacher(x).shape == (1, width, grid, grid)
        z = model.backbone(x)[-1]
        assert z.shape == (1, student_width, student_grid, student_grid)
        assert model.adapter(z).shape[1] == width
    assert model.patch_neck[0].in_channels == model.image_neck[0].in_channels == width
    assert grid % student_grid == 0


def test_other_teachers__what_is_particular_to_each(built):
    name, model = built
    teacher, network = model.target_generator, model.target_generator.network
    if 'dino-vit-s' in name:
        assert {layer.attn.num_heads for layer in network.layers} == {6}
        assert {layer.attn.num_heads for layer in model.backbone.layers} == {6}
    elif 'dinov2' in name:
        assert teacher.input_size == 14 * 14 and teacher.layer_norm_targets
        assert network.patch_embed.projection.kernel_size == (14, 14)
        assert len(teacher.sha256) == 64
    elif 'esvit' in name:
        norms = [m for m in network.modules() if isinstance(m, torch.nn.LayerNorm)]
        assert {norm.eps for norm in norms} == {1e-6} and len(norms) == 2 * 12 + 3 + 2
        assert 'link' in teacher.if_missing
    elif 'clip' in name:
        assert type(network.timm_model.blocks[0].mlp.act).__name__ == 'QuickGELU'
        raw = torch.tensor([255., 128., 0.]).view(1, 3, 1, 1)  # a red-ish pixel
        student = (raw - model.data_preprocessor.mean) / model.data_preprocessor.std
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
        std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
        torch.testing.assert_close(teacher.as_input(student), (raw / 255 - mean) / std)


def test_other_teachers__checkpoints_are_urls_or_say_how_to_get_them():
    from mmengine.config import Config
    for path in sorted(Path(FOLDER).glob('*.py')):
        teacher = Config.fromfile(path).model.target_generator
        assert teacher.get('timm') or teacher.checkpoint.startswith('https://') \
            or teacher.get('if_missing')
