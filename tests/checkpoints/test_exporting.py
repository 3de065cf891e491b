"""Exports: the library that a file is for reads it, and gives the student's features."""

import importlib
import json
from dataclasses import replace

import pytest
import torch

from mimco_mm.checkpoints import TARGETS, CheckpointError, prepare_export, save_backbone, timm_call
from mimco_mm.checkpoints.architecture import SwinArchitecture, ViTArchitecture
from mimco_mm.checkpoints.libraries import LIBRARIES
from mimco_mm.checkpoints.official import SWIN_B, VIT_B, VIT_S
from mimco_mm.checkpoints.timm_network import timm_model

from ..reference.official import files, vit
from .exports import (
    STUDENTS,
    SWIN,
    VIT,
    assert_features,
    encoder,
    heads_of,
    images,
    init_cfg,
    maintained_only,
    official_map,
    openmmlab,
    own_backbones,
    save,
    side_for,
    student,
    timm_map,
    transformers_map,
    write_run,
)


@STUDENTS
@pytest.mark.parametrize('library', [
    'mmpretrain', pytest.param('mmdet', marks=maintained_only),
    pytest.param('mmseg', marks=maintained_only)])
def test_export__openmmlabs_own_backbone_gives_the_students_features(tmp_path, library, config):
    if library != 'mmpretrain':
        importlib.import_module(f'{library}.models')
    network = student(config)
    out = save(library, write_run(tmp_path / 'epoch_2.pth', network), tmp_path, heads_of(config))
    for own in own_backbones(config)[library]:
        assert_features(network, openmmlab(library, own, init_cfg(out)), side_for(own))


@STUDENTS
def test_export__timms_model_gives_the_students_features(tmp_path, config):
    timm = pytest.importorskip('timm')
    network, checkpoint = student(config), tmp_path / 'epoch_2.pth'
    write_run(checkpoint, network)
    out = save('timm', str(checkpoint), tmp_path, heads_of(config))
    architecture = prepare_export(str(checkpoint), 'timm', heads_of(config)).architecture
    model = eval(timm_call(architecture, str(out)), dict(timm=timm)).eval()
    assert_features(network, lambda x: timm_map(model, x))
    assert_pooled(network, model)


def assert_pooled(network, model):
    """timm's pooled feature is the mean of the last map, as our evaluations take it."""
    with torch.no_grad():
        difference = model(images(32)) - network(images(32))[-1].mean((2, 3))
    assert difference.abs().max() < 1e-5


@STUDENTS
def test_export__transformers_model_gives_the_students_features(tmp_path, config):
    transformers = pytest.importorskip('transformers')
    network = student(config)
    out = save('transformers', write_run(tmp_path / 'epoch_2.pth', network), tmp_path,
               heads_of(config))
    model, info = transformers.AutoModel.from_pretrained(
        str(out), add_pooling_layer=False, output_loading_info=True)
    assert type(model).__name__ == ('SwinModel' if config is SWIN else 'ViTModel')
    assert not any(info.values()), info
    assert_features(network, lambda x: transformers_map(model.eval(), x))
    plain = transformers.AutoModel.from_pretrained(str(out)).eval()  # with a pool that is not used
    assert_features(network, lambda x: transformers_map(plain, x))


@STUDENTS
def test_export__a_folder_for_timm_is_all_that_its_loader_needs(tmp_path, config):
    timm = pytest.importorskip('timm')
    network, checkpoint = student(config), write_run(tmp_path / 'epoch_2.pth', student(config))
    export = prepare_export(checkpoint, 'timm', heads_of(config))
    TARGETS['timm'].save(tmp_path / 'out', export.state, export.architecture)
    model = timm.create_model(f'local-dir:{tmp_path / "out"}', pretrained=True).eval()
    assert_features(network, lambda x: timm_map(model, x))
    assert_pooled(network, model)
    data = timm.data.resolve_model_data_config(model)
    assert (data['input_size'], data['interpolation']) == ((3, 32, 32), 'bicubic')
    assert [255 * value for value in data['mean']] == pytest.approx([123.675, 116.28, 103.53])
    assert [255 * value for value in data['std']] == pytest.approx([58.395, 57.12, 57.375])
    assert model.num_classes == 0 and model.num_features == export.architecture.channels
    stated = json.loads((tmp_path / 'out' / 'config.json').read_text())
    assert stated['num_features'] == model.num_features and stated['num_classes'] == 0
    again = timm.create_model(f'local-dir:{tmp_path / "out"}', pretrained=True, num_classes=5)
    assert again(images(32)).shape == (2, 5)


POOLED = dict(global_pool='avg', fc_norm=False)


@pytest.mark.parametrize('architecture, name, changes', [
    (SWIN_B, 'swin_base_patch4_window7_224', {}),
    (replace(SWIN_B, window=12), 'swin_base_patch4_window7_224',
     dict(window_size=12, img_size=384)),
    (replace(VIT_S, heads=12), 'vit_small_patch16_224', dict(num_heads=12, **POOLED)),
    (replace(VIT_B, patch=14, layer_scale=True), 'vit_base_patch16_224',
     dict(patch_size=14, init_values=1e-5, **POOLED))])
def test_timm_model__is_the_nearest_of_timms_own(architecture, name, changes):
    assert timm_model(architecture) == (name, changes)


@STUDENTS
def test_export__transformers_image_processor_is_that_of_the_run(tmp_path, config):
    transformers = pytest.importorskip('transformers')
    out = save('transformers', write_run(tmp_path / 'epoch_2.pth', student(config)), tmp_path,
               heads_of(config))
    processor = transformers.AutoImageProcessor.from_pretrained(str(out), use_fast=False)
    image = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(0),
                          dtype=torch.uint8)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in
                 ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)))  # mmpretrain's, of a run
    got = processor(image.permute(1, 2, 0).numpy(), return_tensors='pt')['pixel_values'][0]
    torch.testing.assert_close(got, (image - mean) / std, rtol=0, atol=1e-5)


@STUDENTS
def test_export__official_network_gives_the_students_features(tmp_path, config):
    network = student(config)
    out = save('official', write_run(tmp_path / 'epoch_2.pth', network), tmp_path,
               heads_of(config))
    state = torch.load(out, weights_only=True)['model']
    assert_features(network, lambda x: official_map(config, state, x))


@pytest.mark.parametrize('library, config', [
    pytest.param(library, config, id=f'{library}-{family}')
    for library, target in TARGETS.items() for family, config in (('Swin', SWIN), ('ViT', VIT))
    if family in target.namings])
def test_export__read_again_is_what_was_exported(tmp_path, library, config):
    network = student(config)
    out = save(library, write_run(tmp_path / 'epoch_2.pth', network), tmp_path, heads_of(config))
    file = out / 'model.safetensors' if library == 'transformers' else out
    again = prepare_export(str(file), 'mmpretrain', heads_of(config))
    wanted = {key: value for key, value in network.state_dict().items()
              if key != 'mask_token' and key in again.state}
    absent = network.state_dict().keys() - again.state.keys() - {'mask_token'}
    assert all(key.endswith('relative_position_index') for key in absent)
    assert again.state.keys() == wanted.keys() and wanted
    assert all(torch.equal(value, wanted[key]) for key, value in again.state.items())


@STUDENTS
@pytest.mark.parametrize('library', ['timm', 'transformers'])
def test_export__from_the_official_file_of_moby(tmp_path, library, config):
    client = pytest.importorskip(library)
    official = encoder(config)
    path = str(files.moby(tmp_path / 'moby.pth', official))
    export = prepare_export(path, library, heads_of(config))
    assert export.source.release == 'MoBY'
    out = save(library, path, tmp_path, heads_of(config))
    if library == 'timm':
        model = eval(timm_call(export.architecture, str(out)), dict(timm=client)).eval()
        features = timm_map
    else:
        model = client.AutoModel.from_pretrained(str(out), add_pooling_layer=False).eval()
        features = transformers_map
    with torch.no_grad():
        difference = features(model, images(32)) - official_map(config, official, images(32))
    assert difference.abs().max() < 1e-5


def test_export__from_timm_to_official_names(tmp_path):
    official = encoder(SWIN)
    export = prepare_export(str(files.timm_swin(tmp_path / 'timm.bin', official)), 'official')
    wanted = {key: value for key, value in official.items()  # the others, timm does not save
              if not key.endswith(('attn_mask', 'relative_position_index'))}
    assert export.state.keys() == wanted.keys()
    assert all(torch.equal(value, wanted[key]) for key, value in export.state.items())
    assert export.left_out == ['head.fc.bias', 'head.fc.weight']


def moves(config: dict, library: str, tmp_path) -> dict:
    """{target: move} of a student's export, checked against the tensors themselves."""
    network = student(config)
    export = prepare_export(write_run(tmp_path / 'run.pth', network), library, heads_of(config))
    source, found = network.state_dict(), {move.target: move for move in export.moves}
    assert len(found) == len(export.moves) and found.keys() == export.state.keys()
    for target, move in found.items():
        value = export.state[target]
        assert move.shape == tuple(value.shape)
        if not move.how:
            assert torch.equal(value, source[move.sources[0]].reshape(value.shape))
        elif move.how == 're-ordered':
            assert not torch.equal(value, source[move.sources[0]])
            assert torch.equal(value.sort().values, source[move.sources[0]].sort().values)
    return found


def test_moves__of_swin_to_timm(tmp_path):
    found = moves(SWIN, 'timm', tmp_path)
    for part in ('norm.weight', 'norm.bias', 'reduction.weight'):
        move = found[f'layers.2.downsample.{part}']
        assert (move.sources, move.how) == ((f'stages.1.downsample.{part}', ), 're-ordered')
    assert found['norm.weight'].sources == ('norm2.weight', )
    others = {move.how for target, move in found.items() if '.downsample.' not in target}
    assert others == {''}


@STUDENTS
def test_moves__split_for_transformers(tmp_path, config):
    found = moves(config, 'transformers', tmp_path)
    split = {target for target, move in found.items() if move.how == 'split'}
    parts = ('query', 'key', 'value')
    assert split == {target for target in found if target.split('.')[-2] in parts}
    assert len(split) == (6 if config is SWIN else 3) * 3 * 2
    last = max(split)
    source, = found[last].sources
    assert source.endswith('.qkv.weight')


def test_moves__joined_from_transformers(tmp_path):
    path = save('transformers', write_run(tmp_path / 'run.pth', student(VIT)), tmp_path, 4)
    export = prepare_export(str(path / 'model.safetensors'), 'mmseg', 4)
    found = {move.target: move for move in export.moves}
    name = 'encoder.layer.2.attention.attention'
    assert found['layers.2.attn.attn.in_proj_bias'].how == 'joined'
    assert set(found['layers.2.attn.attn.in_proj_bias'].sources) == {
        f'{name}.query.bias', f'{name}.key.bias', f'{name}.value.bias'}


@STUDENTS
def test_export__mask_token_and_what_is_no_backbone_stay_behind(tmp_path, config):
    checkpoint = write_run(tmp_path / 'run.pth', student(config))
    for library in {**LIBRARIES, 'official': None}:
        export = prepare_export(checkpoint, library, heads_of(config))
        assert 'mask_token' in export.left_out
        assert not [key for key in export.state if 'mask' in key or 'neck' in key or 'head' in key]


def test_heads__are_told_by_the_file_or_the_caller(tmp_path):
    state = student(VIT).state_dict()
    save_backbone(tmp_path / 'ours.pth', state, 6, epoch=1)
    assert prepare_export(str(tmp_path / 'ours.pth'), 'timm').architecture.heads == 6
    out = save('mmpretrain', str(tmp_path / 'ours.pth'), tmp_path)
    assert prepare_export(str(out), 'timm').architecture.heads == 6  # passed on
    bare = write_run(tmp_path / 'bare.pth', student(VIT))
    assert prepare_export(bare, 'timm', 3).architecture.heads == 3
    with pytest.raises(CheckpointError, match='cannot be told from the file.*--heads'):
        prepare_export(bare, 'timm')


@pytest.mark.parametrize('positions, heads', [('mocov3', 12), ('learned', 6)])
def test_heads__of_published_small_vits(tmp_path, positions, heads):
    state = vit.random_vit(width=384, depth=1, img_size=32, positions=positions)
    path = files.moco_v3(tmp_path / 'release.pth', state)
    assert prepare_export(str(path), 'transformers').architecture.heads == heads


def test_export__positions_of_simmims_vit_are_refused(tmp_path):
    path = files.simmim(tmp_path / 'simmim.pth', vit.random_simmim_vit())
    with pytest.raises(CheckpointError, match='relative positions.*can be loaded, not exported'):
        prepare_export(str(path), 'mmpretrain', 3)


@pytest.mark.parametrize('architecture, shapes', [
    (SwinArchitecture(width=8, depths=(2, 2), heads=(1, 2), window=4, patch=2, mlp_ratio=2.),
     {'layers.1.blocks.1.mlp.fc1.weight': (32, 16), 'patch_embed.proj.weight': (8, 3, 2, 2)}),
    (ViTArchitecture(width=48, depth=2, heads=3, hidden=64, image_size=32, patch=8),
     {'blocks.1.mlp.fc1.weight': (64, 48), 'pos_embed': (1, 17, 48)}),
    (ViTArchitecture(width=48, depth=2, heads=3, hidden=170, image_size=32, patch=8),
     {'blocks.1.mlp.fc1.weight': (170, 48), 'pos_embed': (1, 17, 48)}),
])
def test_timm_call__builds_the_architecture(architecture, shapes):
    timm = pytest.importorskip('timm')
    state = eval(timm_call(architecture, ''), dict(timm=timm)).state_dict()
    assert {key: tuple(state[key].shape) for key in shapes} == shapes
