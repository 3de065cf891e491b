"""Attention heads of a ViT: shapes do not tell them, so a wrong number is refused in words."""

import pytest
import torch
from mmpretrain.models import VisionTransformer
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import CheckpointError, heads_of, load_backbone, save_backbone
from mimco_mm.checkpoints.heads import Evidence, check_heads, heads_in
from mimco_mm.checkpoints.namings import naming_of

from ..reference.official import files, swin, vit


def vit_of(heads: int, kind: str = 'VisionTransformer', width: int = 384) -> dict:
    """Of width 384 as ViT-S, but flat: one layer, 32-px images."""
    return dict(type=kind, img_size=32, patch_size=16, out_type='featmap', arch=dict(
        embed_dims=width, num_layers=1, num_heads=heads, feedforward_channels=width))


def encoder(positions: str, width: int = 384) -> dict:
    return vit.random_vit(width=width, depth=1, img_size=32, positions=positions, mlp_ratio=1)


def load(path, config: dict) -> torch.nn.Module:
    network = MODELS.build(config)
    network.init_weights()
    load_backbone(network, str(path), config_key='checkpoint')
    network.eval()
    return network


def timm_file(path, state: dict):
    torch.save(state, path)
    return path


def transformers_file(path, state: dict):
    """A transformers ViTModel's tensors, which have MoCo v3's weights."""
    transformers = pytest.importorskip('transformers')
    model = transformers.ViTModel(transformers.ViTConfig(
        hidden_size=384, num_hidden_layers=1, num_attention_heads=6, intermediate_size=384,
        image_size=32, patch_size=16), add_pooling_layer=False)
    weights = model.state_dict()
    weights['embeddings.position_embeddings'] = state['pos_embed']
    torch.save(weights, path)
    return path


def images() -> torch.Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(5))


def features(network: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return network(images())[-1]


def same_shapes(state: dict, network: torch.nn.Module) -> bool:
    return {key: value.shape for key, value in state.items()} == {
        key: value.shape for key, value in network.state_dict().items()}


@pytest.mark.parametrize('positions, right, wrong', [('mocov3', 12, 6), ('learned', 6, 12)])
def test_heads__shapes_agree_and_features_would_be_wrong(positions, right, wrong):
    """Why there is a refusal: a strict loading of the same tensors succeeds without it."""
    state = encoder(positions)
    expected = vit.vit_features(state, images(), heads=right)[0]
    for heads in (right, wrong):
        network = MODELS.build(vit_of(heads))
        assert same_shapes(vit.vit_to_mmpretrain(state), network)
        network.load_state_dict(vit.vit_to_mmpretrain(state), strict=True)
        network.eval()
        assert ((features(network) - expected).abs().max() < 1e-4) == (heads == right)


@pytest.mark.parametrize('write, positions, kind, heads, network, reason', [
    (files.moco_v3, 'mocov3', 'VisionTransformer', 12, 6, "MoCo v3's fixed sin-cos positions"),
    (files.moco_v3, 'mocov3', 'MoCoV3ViT', 12, 6, "MoCo v3's fixed sin-cos positions"),
    (files.moco_v3, 'mocov3', 'VisionTransformer', 12, 3, "MoCo v3's fixed sin-cos positions"),
    (files.mmpretrain_vit, 'mocov3', 'VisionTransformer', 12, 6, "MoCo v3's fixed sin-cos"),
    (timm_file, 'mocov3', 'VisionTransformer', 12, 6, "MoCo v3's fixed sin-cos positions"),
    (transformers_file, 'mocov3', 'VisionTransformer', 12, 6, "MoCo v3's fixed sin-cos positions"),
    (files.moby, 'learned', 'VisionTransformer', 6, 12, 'ViTs of width 384 other than MoCo'),
    (files.dino, 'learned', 'VisionTransformer', 6, 12, 'ViTs of width 384 other than MoCo'),
    (files.ibot, 'learned', 'VisionTransformer', 6, 12, 'ViTs of width 384 other than MoCo'),
    (timm_file, 'learned', 'VisionTransformer', 6, 12, 'ViTs of width 384 other than MoCo'),
    (transformers_file, 'learned', 'VisionTransformer', 6, 12, 'published ViTs of width 384'),
])
def test_load_backbone__other_heads_are_refused(
        tmp_path, write, positions, kind, heads, network, reason):
    path = write(tmp_path / 'vit-s.pth', encoder(positions))
    with pytest.raises(CheckpointError) as error:
        load(path, vit_of(network, kind))
    message = str(error.value)
    assert f'The file is of a ViT with {heads} heads (' in message and reason in message
    assert f'the network has {network}. All shapes agree' in message
    assert "dict(type='MoCoV3ViT', arch='mocov3-small', patch_size=16)" in message
    assert "dict(type='VisionTransformer', arch='deit-small')" in message
    assert str(path) in message
    load(path, vit_of(heads))  # and the right number is not


def test_load_backbone__the_message_names_networks_that_exist():
    for heads, config in ((12, dict(type='MoCoV3ViT', arch='mocov3-small', patch_size=16)),
                          (6, dict(type='VisionTransformer', arch='deit-small'))):
        network = MODELS.build(config)
        assert heads_of(network) == heads and network.embed_dims == 384


def test_load_backbone__learned_positions_for_moco_v3s_network_are_refused(tmp_path):
    path = files.dino(tmp_path / 'dino.pth', encoder('learned'))
    with pytest.raises(CheckpointError, match='fixed by formula, but of other values: pos_embed'):
        load(path, vit_of(12, 'MoCoV3ViT'))


def test_load_backbone__refusal_of_heads_leaves_the_network_as_it_was(tmp_path):
    path = files.moco_v3(tmp_path / 'vit-s.pth', encoder('mocov3'))
    network = MODELS.build(vit_of(6))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(CheckpointError, match='12 heads'):
        load_backbone(network, str(path), config_key='checkpoint')
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize('width', [48, 384])
@pytest.mark.parametrize('stated', [6, 12, 4])
@pytest.mark.parametrize('positions', ['learned', 'mocov3'])
def test_load_backbone__what_a_file_states_comes_before_what_it_looks_like(
        tmp_path, width, stated, positions):
    path = tmp_path / 'backbone.pth'
    save_backbone(path, vit.vit_to_mmpretrain(encoder(positions, width)), num_heads=stated)
    load(path, vit_of(stated, width=width))
    for other in {4, 6, 12} - {stated}:
        with pytest.raises(CheckpointError, match=rf'with {stated} heads \(its meta says so\), '
                                                  rf'the network has {other}\.'):
            load(path, vit_of(other, width=width))


def test_load_backbone__heads_stated_as_unknown_are_not_heeded(tmp_path):
    path = tmp_path / 'backbone.pth'
    save_backbone(path, vit.vit_to_mmpretrain(encoder('mocov3')), num_heads=None)
    load(path, vit_of(12))
    with pytest.raises(CheckpointError, match='12 heads .it has MoCo v3'):
        load(path, vit_of(6))


@pytest.mark.parametrize('meta', [
    'text', None, ['backbone'], {}, dict(backbone=dict(num_heads='6')),
    dict(epoch=3, cfg='model = dict()'),
    dict(backbone=None), dict(backbone='vit')])
def test_load_backbone__any_other_meta_is_no_hindrance(tmp_path, meta):
    state = vit.vit_to_mmpretrain(encoder('learned', width=48))
    torch.save(dict(meta=meta, state_dict=state), tmp_path / 'run.pth')
    network = load(tmp_path / 'run.pth', vit_of(4, width=48))
    assert torch.equal(network.state_dict()['cls_token'], state['cls_token'])


@pytest.mark.parametrize('positions', ['learned', 'mocov3'])
@pytest.mark.parametrize('heads', [1, 3, 4, 12])
def test_load_backbone__width_of_ones_own_raises_no_false_alarm(tmp_path, positions, heads):
    state = encoder(positions, width=48)
    network = load(timm_file(tmp_path / 'own.pth', state), vit_of(heads, width=48))
    expected = vit.vit_features(state, images(), heads=heads)[0]
    assert (features(network) - expected).abs().max() < 1e-5


@pytest.mark.parametrize('heads', [6, 12])
def test_load_backbone__own_run_with_learned_positions_may_have_any_heads(tmp_path, heads):
    load(files.mmpretrain_vit(tmp_path / 'own.pth', encoder('learned')), vit_of(heads))


def test_load_backbone__swins_heads_are_told_by_its_shapes(tmp_path):
    path = files.swin(tmp_path / 'swin.pth', swin.random_swin(num_heads=(1, 2)))
    with pytest.raises(CheckpointError, match=r'bias_table \(9, 1\) -> \(9, 2\)'):
        load(path, dict(
            type='SwinTransformer', img_size=32, patch_size=4, window_size=2, out_indices=(1, ),
            arch=dict(embed_dims=8, depths=[2, 2], num_heads=[2, 4])))


@pytest.mark.parametrize('arch', ['deit-tiny', 'deit-small', 'deit-base', 'base', 'large', 'huge',
                                  'eva-g', 'dinov2-small', 'dinov2-giant'])
def test_heads_in__published_networks_have_mmpretrains_numbers(arch):
    size = VisionTransformer.arch_zoo[arch]
    state = {'blocks.0.attn.qkv.weight': torch.ones(1)}
    naming = naming_of(state)
    state.update(cls_token=torch.zeros(1, 1, size['embed_dims']),
                 pos_embed=torch.randn(1, 5, size['embed_dims']))
    assert heads_in(state, naming, None).heads == size['num_heads']


@pytest.mark.parametrize('width, heads', [(384, 12), (768, 12), (1024, 16), (192, None)])
def test_heads_in__moco_v3s_networks(width, heads):
    """moco-v3 vits.py: vit_small 12, vit_base 12; its paper has ViT-L with 16."""
    naming = naming_of({'blocks.0.attn.qkv.weight': torch.ones(1)})
    state = dict(cls_token=torch.zeros(1, 1, width), pos_embed=vit.sincos_positions(width, 2, 2))
    found = heads_in(state, naming, None)
    assert (found and found.heads) == heads


def test_heads_in__nothing_is_told_of_swin_or_of_unknown_names():
    state = swin.random_swin()
    assert heads_in(state, naming_of(state), None) is None
    assert heads_in(dict(cls_token=torch.zeros(1, 1, 384)), None, None) is None


@pytest.mark.parametrize('config, heads', [
    (vit_of(12), 12), (vit_of(6, 'MoCoV3ViT'), 6), (vit_of(4, 'MaskedMoCoV3ViT'), 4),
    (dict(type='SwinTransformer', out_indices=(1, ), arch=dict(
        embed_dims=8, depths=[1, 1], num_heads=[1, 2])), None),
    (dict(type='ResNet', depth=18), None)])
def test_heads_of(config, heads):
    assert heads_of(MODELS.build(config)) == heads


def test_heads_of__timms_networks():
    pytest.importorskip('timm')
    size = dict(type='TimmFeatureMap', model_name='vit_small_patch16_224', depth=1, img_size=32)
    assert heads_of(MODELS.build(size)) == 6
    network = MODELS.build(dict(size, num_heads=12))
    with pytest.raises(CheckpointError, match='with 6 heads .for a test., the network has 12'):
        check_heads(network, Evidence(6, 'for a test'))
    check_heads(network, Evidence(12, 'for a test'))
    check_heads(network, None)
