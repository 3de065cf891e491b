"""Networks that exports take, loaded by timm and transformers themselves; and all those refused.

A variant is made by the library that has it, or from a student's tensors, and read from its file.
"""

import re

import pytest
import torch
from mmpretrain.registry import MODELS
from safetensors.torch import save_file

from mimco_mm.checkpoints import TARGETS, CheckpointError, prepare_export, timm_call
from mimco_mm.checkpoints.libraries import LIBRARIES

from .exports import (
    SWIN,
    VIT,
    assert_features,
    openmmlab,
    randomise,
    save,
    student,
    timm_map,
    transformers_map,
    write_run,
)

HEADS = 4
TIMM_VIT = dict(img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=HEADS)
HF_VIT = dict(image_size=32, patch_size=8, hidden_size=48, num_hidden_layers=2,
              num_attention_heads=HEADS, intermediate_size=96)
HF_SWIN = dict(image_size=64, patch_size=4, embed_dim=8, depths=[2, 2], num_heads=[1, 2],
               window_size=4)


def write(path, network: torch.nn.Module) -> str:
    state = randomise(network).state_dict()
    save_file({key: value.clone().contiguous() for key, value in state.items()}, path)
    return str(path)


def timm_vit(**changes) -> torch.nn.Module:
    return pytest.importorskip('timm').create_model(
        'vit_small_patch16_224', **{**TIMM_VIT, **changes})


def hugging(name: str, **config) -> torch.nn.Module:
    transformers = pytest.importorskip('transformers')
    model = getattr(transformers, name)
    return model(model.config_class(**config))


ACCEPTED = {
    'Swin of two stages': dict(SWIN, arch=dict(embed_dims=8, depths=[1, 3], num_heads=[2, 4]),
                               out_indices=(1, )),
    'Swin of window 2, patch 4': dict(SWIN, patch_size=4, window_size=2),
    'Swin of narrow MLPs': dict(SWIN, type='SwinTransformer',
                                stage_cfgs=dict(block_cfgs=dict(ffn_ratio=2))),
    'ViT of patch 4': dict(VIT, patch_size=4),
    'ViT of a wide MLP': dict(VIT, arch=dict(VIT['arch'], feedforward_channels=250)),
    'LayerScale': dict(VIT, type='VisionTransformer', out_type='featmap',
                       layer_scale_init_value=0.1),
}


@pytest.mark.parametrize('library, name', [
    (library, name) for library in ('timm', 'transformers', 'mmpretrain') for name in ACCEPTED
    if (library, name) != ('transformers', 'LayerScale')])  # has no place for it, see below
def test_accepted__the_library_has_the_networks_features(tmp_path, name, library):
    client, config = pytest.importorskip(library), ACCEPTED[name]
    heads = None if 'Swin' in config['type'] else HEADS
    network = student(config)
    run = write_run(tmp_path / 'run.pth', network)
    architecture = prepare_export(run, library, heads).architecture
    out, side = save(library, run, tmp_path, heads), architecture.image_size
    if library == 'timm':
        model = eval(timm_call(architecture, str(out)), dict(timm=client)).eval()
        assert_features(network, lambda x: timm_map(model, x), side)
    elif library == 'transformers':
        model, info = client.AutoModel.from_pretrained(
            str(out), add_pooling_layer=False, output_loading_info=True)
        assert not any(info.values()), info
        assert_features(network, lambda x: transformers_map(model.eval(), x), side)
    else:
        backbone = eval(TARGETS[library].usage(out, architecture).removeprefix('backbone='))
        built = MODELS.build(backbone)
        assert built.state_dict().keys() - {'mask_token'} == \
            network.state_dict().keys() - {'mask_token'}
        assert_features(network, openmmlab(library, backbone, backbone.pop('init_cfg')), side)


@pytest.mark.parametrize('name, model', [
    ('ViTModel', HF_VIT), ('ViTForImageClassification', HF_VIT), ('ViTMSNModel', HF_VIT),
    ('SwinModel', HF_SWIN), ('SwinForMaskedImageModeling', dict(HF_SWIN, encoder_stride=8))])
def test_accepted__of_transformers_to_timm(tmp_path, name, model):
    timm, eps = pytest.importorskip('timm'), 1e-5 if 'Swin' in name else 1e-6
    network = hugging(name, layer_norm_eps=eps, **model)
    path = write(tmp_path / 'model.safetensors', network)
    heads = None if 'Swin' in name else HEADS
    export, out = prepare_export(path, 'timm', heads), save('timm', path, tmp_path, heads)
    exported = eval(timm_call(export.architecture, str(out)), dict(timm=timm)).eval()
    base = network.base_model
    assert_features(lambda x: [transformers_map(base, x)], lambda x: timm_map(exported, x),
                    export.architecture.image_size)


def without(config: dict, *parts: str) -> dict:
    """A student's tensors less those whose names hold one of ``parts``."""
    return {f'backbone.{key}': value for key, value in student(config).state_dict().items()
            if not any(part in key for part in parts)}


def with_(config: dict, **tensors: torch.Tensor) -> dict:
    return {**without(config), **{f'backbone.{key}': value for key, value in tensors.items()}}


def with_tables_of_another_window() -> dict:
    state = without(SWIN, 'relative_position_index')
    for key, value in state.items():
        if 'stages.2.' in key and key.endswith('bias_table'):
            state[key] = value[:9]
    return state


REFUSED = {
    'fc_norm': (lambda: timm_vit(global_pool='avg'), 'missing: ln1.*unexpected: fc_norm'),
    'no final norm': (lambda: timm_vit(final_norm=False), 'missing: ln1.bias, ln1.weight'),
    'qk_norm': (lambda: timm_vit(qk_norm=True), 'unexpected: .*attn.k_norm'),
    'no class token': (lambda: timm_vit(class_token=False, global_pool='avg', fc_norm=False),
                       '0 class tokens in the file'),
    'registers': (lambda: timm_vit(reg_tokens=3, no_embed_class=True), 'with register tokens'),
    'registers with positions': (lambda: timm_vit(reg_tokens=4), 'with register tokens'),
    'no positions': (lambda: timm_vit(pos_embed='none'), 'neither a position embedding'),
    'pre-norm': (lambda: timm_vit(pre_norm=True), 'GELU or QuickGELU cannot be told'),
    'no bias of qkv': (lambda: timm_vit(qkv_bias=False), 'missing: .*attn.qkv.bias'),
    'gray images': (lambda: timm_vit(in_chans=1), r'another shape.*\(48, 1, 8, 8\)'),
    'SwiGLU': (lambda: timm_vit(mlp_layer=timm_layer('SwiGLU')), 'SwiGLU'),
    'packed SwiGLU': (lambda: timm_vit(mlp_layer=timm_layer('SwiGLUPacked')), 'another shape'),
    'SwinV2': (lambda: hugging('Swinv2Model', **HF_SWIN), 'This is a Swin V2'),
    'DINOv2 with registers': (lambda: hugging('Dinov2WithRegistersModel', **HF_VIT),
                              'with register tokens'),
    'Swin with absolute positions': (
        lambda: hugging('SwinModel', **HF_SWIN, use_absolute_embeddings=True),
        'unexpected: absolute_pos_embed'),
    'Swin without its final norm': (lambda: hugging('DonutSwinModel', **HF_SWIN),
                                    'missing: norm1.bias, norm1.weight'),
    'Swin without a merging': (lambda: without(SWIN, 'stages.1.downsample.reduction'),
                               'missing: stages.1.downsample.reduction.weight'),
    'Swin of two windows': (with_tables_of_another_window, 'windows of several sizes'),
    "ViT without a block's bias": (lambda: without(VIT, 'layers.1.attn.proj.bias'),
                                   'missing: layers.1.attn.proj.bias'),
    'ViT with a tensor on top': (lambda: with_(VIT, extra=torch.ones(3)), 'unexpected: extra'),
    'not finite': (lambda: with_(VIT, cls_token=torch.full((1, 1, 48), torch.inf)),
                   'not finite: cls_token'),
}


def timm_layer(name: str) -> type:
    return getattr(pytest.importorskip('timm').layers, name)


@pytest.mark.parametrize('name', REFUSED)
def test_refused__by_every_target_in_words(tmp_path, name):
    make, message = REFUSED[name]
    made, path = make(), tmp_path / 'variant.safetensors'
    if isinstance(made, dict):
        save_file(made, path)
    else:
        write(path, made)
    for library in (*LIBRARIES, 'official'):
        with pytest.raises(CheckpointError) as error:
            prepare_export(str(path), library, None if name.startswith('Swin') else HEADS)
        assert re.search(message, str(error.value).replace('\n', ' ')), error.value


@pytest.mark.parametrize('name, libraries, message', [
    ('LayerScale', {'mmpretrain', 'mmdet', 'timm'}, 'no place for.*gamma1'),
    ('ViT of a wide MLP', TARGETS.keys() - {'mmseg', 'official-swin', 'official-simmim'},
     '5.20833 times as wide .*whole numbers'),
])
def test_refused__by_those_that_cannot_hold_it(tmp_path, name, libraries, message):
    run = write_run(tmp_path / 'run.pth', student(ACCEPTED[name]))
    for library in TARGETS:
        if library in libraries:
            prepare_export(run, library, HEADS)
            continue
        with pytest.raises(CheckpointError, match=f'{message}|has no ViT'):
            prepare_export(run, library, HEADS)


@pytest.mark.parametrize('library, kept', [('mmdet', True), ('mmpretrain', True), ('timm', False)])
def test_norms_of_a_detectors_lower_stages(tmp_path, library, kept):
    network = student(dict(SWIN, out_indices=(0, 1, 2)))
    export = prepare_export(write_run(tmp_path / 'run.pth', network), library)
    assert {'norm0.weight', 'norm1.bias'} <= (export.state.keys() if kept
                                              else set(export.left_out))
    assert ('norm2.weight' if kept else 'norm.weight') in export.state


@pytest.mark.maintained_only
@pytest.mark.parametrize('library', ['mmdet', 'mmseg'])
def test_own_swin__shifts_a_map_of_one_window_as_padded_maps_are(tmp_path, library):
    """Of larger images it gives the features of pre-training; see docs/checkpoints.md."""
    pytest.importorskip(f'{library}.models')
    network = student(SWIN)
    export = prepare_export(write_run(tmp_path / 'run.pth', network), library)
    out = save(library, str(tmp_path / 'run.pth'), tmp_path)
    backbone = eval(TARGETS[library].usage(out, export.architecture).removeprefix('backbone='))
    backbone['type'] = f'{library}.{backbone["type"]}'
    own = openmmlab(library, backbone, backbone.pop('init_cfg'))
    padded = MODELS.build({**SWIN, 'type': 'SwinTransformer', 'pad_small_map': True})
    padded.load_state_dict({key: value for key, value in network.state_dict().items()
                            if key != 'mask_token'})
    padded.eval()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        assert (own(x) - padded(x)[-1]).abs().max() < 1e-5
        assert (own(x) - network(x)[-1]).abs().max() > 0.01
    assert_features(network, own, side=64)
    caution = TARGETS[library].caution(export.architecture)
    assert 'shifts the windows of a map that is one window' in caution and '32 px' in caution
