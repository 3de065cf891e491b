"""Teachers by name: what is worked out, the features, and what is refused."""

import pytest
import timm
import torch
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from safetensors.torch import save_file

from mimco_mm.checkpoints import CheckpointError
from mimco_mm.errors import ConfigError
from mimco_mm.models.target_generators import fit_named_teacher
from tests.teachers_walk import FAMILIES, model_config, walked

EUPE, DINOV3 = 'vit_tiny_patch16_dinov3_qkvb.eupe_lvd1689m', 'vit_small_patch16_dinov3.lvd1689m'
SIGLIP = 'vit_base_patch16_siglip_224.v2_webli'
SMALL = dict(depth=2, embed_dim=48, num_heads=3)
HALF = dict(mean=[127.5] * 3, std=[127.5] * 3)
CLIP = dict(mean=[255 * one for one in (0.48145466, 0.4578275, 0.40821073)],
            std=[255 * one for one in (0.26862954, 0.26130258, 0.27577711)])


def fitted(student: str, teacher: str, **kwargs) -> dict:
    config = model_config(student, teacher, kwargs)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        fit_named_teacher(config)
    return config


def images(side: int = 224) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(3))


def random_state(model: torch.nn.Module) -> dict:
    """Weights with which no norm, scale or bias is as it begins."""
    generator = torch.Generator().manual_seed(0)
    return {key: 0.1 * torch.randn(value.shape, generator=generator)
            + (value.ndim == 1 and key.endswith('weight')) if value.is_floating_point() else value
            for key, value in model.state_dict().items()}


def loaded(file, student: str, teacher: str, **kwargs) -> torch.nn.Module:
    """The teacher of a fitted config, with the weights of a file."""
    config = fitted(student, f'{teacher}={file}', **kwargs)['target_generator']
    network = MODELS.build(config)
    network.init_weights()
    return network


@pytest.mark.parametrize('student, teacher, side, widths, norm', [
    ('Swin-T', DINOV3, None, (768, 384), None),
    ('ViT-S', DINOV3, None, (384, 384), None),
    ('ViT-B', 'vit_base_patch14_reg1_tipsv2.webli', 196, (768, 768),
     dict(mean=[0.] * 3, std=[255.] * 3)),
    ('Swin-B', 'swinv2_tiny_window8_256.ms_in1k', None, (1024, 768), None),
    ('ViT-S', SIGLIP, None, (384, 768), HALF),
    ('Swin-T', 'vit_base_patch16_radio_v3.c_radio', None, (768, 768), CLIP),
])
def test_named__all_is_worked_out(student, teacher, side, widths, norm):
    config = fitted(student, teacher)
    generator = config['target_generator']
    assert generator['checkpoint'] == f'timm:{teacher}' and 'timm' not in generator
    assert generator.get('input_size') == side
    assert generator['backbone']['model_name'] == teacher
    if norm is None:
        assert 'input_norm' not in generator
    else:
        assert {key: pytest.approx(value) for key, value in norm.items()} == generator['input_norm']
    wanted = None if widths[0] == widths[1] else dict(
        type='ChannelAdapter', in_channels=widths[0], out_channels=widths[1])
    assert config.get('adapter') == wanted
    assert {config[f'{level}_neck']['in_channels'] for level in ('patch', 'image')} == {widths[1]}


def test_named__what_the_config_says_beside_stays():
    config = model_config('ViT-S', DINOV3, dict(block=-3, depth=4))
    config['target_generator'].update(input_size=448, input_norm=CLIP, layer_norm_targets=True,
                                      checkpoint='/my/file')
    fit_named_teacher(config)
    generator = config['target_generator']
    assert (generator['input_size'], generator['input_norm']) == (448, CLIP)
    assert generator['checkpoint'] == '/my/file' and generator['layer_norm_targets']
    assert {**generator['backbone'], 'img_size': 0} == dict(
        type='TimmFeatureMap', model_name=DINOV3, block=-3, depth=4, img_size=0)


def test_named__a_side_that_cannot_fit_is_refused():
    config = model_config('ViT-S', DINOV3, dict(depth=1))
    config['target_generator']['input_size'] = 160
    with pytest.raises(ConfigError, match='no map that fits the 14 x 14 .*160 px: 10 x 10 patches'):
        fit_named_teacher(config)


@pytest.mark.parametrize('name, message', [
    ('vit_smal_patch16_dinov3', 'no model .*Did you mean vit_small_patch16_dinov3'),
    ('vit_small_patch16_dinov3.lvd', 'no weights .*it has vit_small_patch16_dinov3.lvd1689m'),
])
def test_named__unknown_to_timm(name, message):
    with pytest.raises(CheckpointError, match=message):
        fitted('ViT-S', name)


def test_features__are_those_of_timms_own_model(tmp_path):
    """Of EUPE: rotary positions, registers, biases; timm loads the file by itself, strictly."""
    torch.manual_seed(0)
    model = timm.create_model(EUPE, **SMALL).eval()
    state = random_state(model)
    model.load_state_dict(state)
    save_file(state, tmp_path / 'eupe.safetensors')
    teacher = loaded(tmp_path / 'eupe.safetensors', 'ViT-S', EUPE, **SMALL)
    with torch.no_grad():
        wanted = model.forward_features(images())[:, model.num_prefix_tokens:]
    assert wanted.std() > 0.1 and teacher.report.covered == teacher.report.parameters
    torch.testing.assert_close(teacher(images()).flatten(2).transpose(1, 2), wanted, rtol=1e-4,
                               atol=1e-4)
    assert '14 x 14 patches, 48 wide' in teacher.told() and EUPE in teacher.told()


def test_features__of_siglip_leave_its_pool_out(tmp_path):
    model = timm.create_model(SIGLIP, **SMALL).eval()
    state = random_state(model)
    model.load_state_dict(state)
    save_file({f'visual.trunk.{key}': value for key, value in state.items()}
              | {'logit_scale': torch.ones(1)}, tmp_path / 'open_clip.safetensors')
    teacher = loaded(tmp_path / 'open_clip.safetensors', 'ViT-S', SIGLIP, **SMALL)
    with torch.no_grad():
        wanted = model.forward_features(images())
    torch.testing.assert_close(teacher.features(images()).flatten(2).transpose(1, 2), wanted,
                               rtol=1e-4, atol=1e-4)
    assert any('attn_pool' in name for name in teacher.report.left_out)


def metas_dinov3(state: dict, bias: float = 0.) -> dict:
    """timm's DINOv3 in the names of Meta's release: dinov3/models/vision_transformer.py."""
    renamed = {key.replace('reg_token', 'storage_tokens').replace('gamma_1', 'ls1.gamma').replace(
        'gamma_2', 'ls2.gamma'): value for key, value in state.items()}
    width = state['cls_token'].shape[-1]
    for index in range(2):
        renamed[f'blocks.{index}.attn.qkv.bias'] = torch.full((3 * width, ), bias)
        renamed[f'blocks.{index}.attn.qkv.bias_mask'] = torch.ones(3 * width)
    return {**renamed, 'mask_token': torch.zeros(1, width), 'rope_embed.periods': torch.ones(4)}


def metas_dinov2(state: dict) -> dict:
    return {**{key.replace('reg_token', 'register_tokens'): value for key, value in state.items()},
            'mask_token': torch.zeros(1, state['cls_token'].shape[-1])}


@pytest.mark.parametrize('name, meta', [
    (DINOV3, metas_dinov3), ('vit_small_patch14_dinov2.lvd142m', metas_dinov2)])
def test_features__of_metas_own_files(tmp_path, name, meta):
    model = timm.create_model(name, **SMALL)
    state = random_state(model)
    torch.save(meta(state), tmp_path / 'meta.pth')
    save_file(state, tmp_path / 'timm.safetensors')
    of_meta = loaded(tmp_path / 'meta.pth', 'ViT-S', name, **SMALL)
    of_timm = loaded(tmp_path / 'timm.safetensors', 'ViT-S', name, **SMALL)
    assert of_timm(images()).std() > 0.1
    torch.testing.assert_close(of_meta(images()), of_timm(images()))


def test_features__of_an_inner_block(tmp_path):
    model = timm.create_model(DINOV3, **{**SMALL, 'depth': 4}).eval()
    state = random_state(model)
    model.load_state_dict(state)
    save_file(state, tmp_path / 'four.safetensors')
    teacher = loaded(tmp_path / 'four.safetensors', 'ViT-S', DINOV3,
                     **{**SMALL, 'depth': 4, 'block': 1})
    wanted, = model.forward_intermediates(images(), indices=[1], norm=True, intermediates_only=True)
    torch.testing.assert_close(teacher(images()), wanted.detach())
    assert any(name.startswith('blocks.2.') for name in teacher.report.left_out)


def change(state: dict, kind: str) -> dict:
    key = 'blocks.1.mlp.fc1.weight'
    if kind == 'missing':
        return {name: value for name, value in state.items() if name != key}
    if kind == 'unexpected':
        return {**state, 'blocks.1.mlp.fc3.weight': state[key].clone()}
    if kind == 'shape':
        return {**state, key: state[key][:, :7].clone()}
    return metas_dinov3(state, bias=0.3)


@pytest.mark.parametrize('kind, message', [
    ('missing', 'missing: blocks.1.mlp.fc1.weight'),
    ('unexpected', 'unexpected: blocks.1.mlp.fc3.weight'),
    ('shape', 'of another shape'),
    ('bias', 'blocks.0.attn.qkv.bias.*qkvb'),
])
def test_wrong_files__are_refused(tmp_path, kind, message):
    state = change(random_state(timm.create_model(DINOV3, **SMALL)), kind)
    save_file(state, tmp_path / 'wrong.safetensors')
    with pytest.raises(CheckpointError, match=message):
        loaded(tmp_path / 'wrong.safetensors', 'ViT-S', DINOV3, **SMALL)


@pytest.mark.parametrize('family', ['hiera', 'swin_transformer_v2', 'resnet'])
def test_walk__takes_a_step_with_each_student(family):
    outcomes = list(walked(*FAMILIES[family]))
    assert len(outcomes) == 4 and not any(one.refusal for one in outcomes)
    assert {one.shape for one in outcomes} == {(512 if family == 'resnet' else 768, 7, 7)}
