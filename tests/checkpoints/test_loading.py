"""Loading a backbone: an exact fit is loaded and reported, anything less is refused in words."""

import hashlib
import re

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import CheckpointError, load_backbone

KEY = 'model.target_generator.checkpoint'
SWIN = dict(
    type='SwinTransformer', img_size=64, window_size=2, drop_path_rate=0.,
    arch=dict(embed_dims=8, depths=[2, 2, 2, 2], num_heads=[1, 2, 4, 8]))
VIT = dict(
    type='MoCoV3ViT', img_size=64, patch_size=16, out_type='featmap',
    arch=dict(embed_dims=48, num_layers=4, num_heads=12, feedforward_channels=96))
MASKED_SWIN = {**SWIN, 'type': 'MaskedSwinTransformer'}
MASKED_VIT = {**VIT, 'type': 'MaskedMoCoV3ViT'}


def build(config: dict, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    network = MODELS.build(config)
    network.init_weights()
    return network


def weights(config: dict, seed: int = 1) -> dict:
    """A state dict in which every learned tensor is random, so that no default looks loaded."""
    network = build(config, seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.normal_()
    return network.state_dict()


def prefixed(state: dict, prefix: str) -> dict:
    return {f'{prefix}{key}': value for key, value in state.items()}


def load(tmp_path, content, config: dict):
    path = tmp_path / 'teacher.pth'
    torch.save(content, path)
    network = build(config)
    return network, load_backbone(network, str(path), config_key=KEY)


def refusal(tmp_path, content, config: dict) -> str:
    """The message of the refusal, which always names file, key and network."""
    with pytest.raises(CheckpointError) as error:
        load(tmp_path, content, config)
    message = str(error.value)
    assert f"`{KEY}`='{tmp_path / 'teacher.pth'}'" in message
    assert f'Cannot load {config["type"]}' in message
    return message


LAYOUTS = dict(
    bare=lambda state: state,
    bare_of_ddp=lambda state: prefixed(state, 'module.'),
    algorithm=lambda state: dict(
        state_dict={**prefixed(state, 'backbone.'), 'head.fc.weight': torch.ones(2)}),
    algorithm_of_ddp=lambda state: dict(state_dict=prefixed(state, 'module.backbone.')),
    under_model=lambda state: dict(model=prefixed(state, 'backbone.'), epoch=3))


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('config', [SWIN, VIT])
def test_load_backbone__every_tensor_equals_the_files(tmp_path, config, layout):
    state = weights(config)
    network, report = load(tmp_path, LAYOUTS[layout](state), config)
    loaded = network.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name]) for name in state)
    assert report.release.startswith('bare' if layout.startswith('bare') else 'algorithm')


def test_load_backbone__report(tmp_path):
    state = weights(VIT)
    network, report = load(tmp_path, state, VIT)
    content = (tmp_path / 'teacher.pth').read_bytes()
    assert report.checkpoint == str(tmp_path / 'teacher.pth')
    assert report.sha256 == hashlib.sha256(content).hexdigest()
    assert report.matched == len(state)
    assert report.parameters == sum(p.numel() for p in network.parameters())
    assert report.left_out == ()
    assert f'{len(state)} tensors matched, 0 missing, 0 unexpected, 100 % of' in str(report)
    assert report.covered == report.parameters and report.resized == report.fresh == ()
    assert report.sha256[:12] in str(report) and 'left out' not in str(report)


@pytest.mark.parametrize('masked, plain', [(MASKED_SWIN, SWIN), (MASKED_VIT, VIT)])
def test_load_backbone__mask_token_of_a_student_is_left_out_and_said(tmp_path, masked, plain):
    network, report = load(tmp_path, prefixed(weights(masked), 'backbone.'), plain)
    assert report.left_out == ('mask_token', )
    assert 'left out: mask_token' in str(report)
    assert report.matched == len(network.state_dict())


@pytest.mark.parametrize('masked', [MASKED_SWIN, MASKED_VIT])
def test_load_backbone__mask_token_is_kept_by_a_network_that_has_one(tmp_path, masked):
    state = weights(masked)
    network, report = load(tmp_path, prefixed(state, 'backbone.'), masked)
    assert report.left_out == () and report.matched == len(state)
    assert torch.equal(network.mask_token, state['mask_token'])


def test_load_backbone__half_precision_is_widened(tmp_path):
    state = {key: value.half() if value.is_floating_point() else value
             for key, value in weights(SWIN).items()}
    network, _ = load(tmp_path, state, SWIN)
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key].to(value.dtype))
        assert value.dtype in (torch.float32, torch.int64)


def test_load_backbone__full_checkpoint_of_a_run(tmp_path):
    history = HistoryBuffer()
    history.update(1.5)
    state = weights(SWIN)
    network, report = load(tmp_path, dict(
        meta=dict(epoch=300, cfg='model = dict()'),
        state_dict={**prefixed(state, 'backbone.'), 'neck.0.weight': torch.ones(2)},
        message_hub=dict(log_scalars={'train/loss': history}),
        optimizer=dict(state={0: dict(step=torch.tensor(3.))}, param_groups=[])), SWIN)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert report.matched == len(state)


@pytest.mark.parametrize('content, reason', [
    (dict(optimizer=dict(state={0: torch.ones(2)}), epoch=3), "No tensors.*'epoch', 'optimizer'"),
    (dict(), 'No tensors'),
    (dict(state_dict={}), 'No tensors'),
    ({'conv1.weight': torch.ones(2), 'layer1.0.conv1.weight': torch.ones(2)},
     'names are of no known library.*official Swin.*conv1.weight'),
])
def test_load_backbone__no_backbone_in_it(tmp_path, content, reason):
    message = refusal(tmp_path, content, SWIN)
    assert re.search(reason, message), message


def test_load_backbone__missing_file_names_the_key(tmp_path):
    with pytest.raises(CheckpointError, match=rf'`{KEY}`=.*\nNo such checkpoint file'):
        load_backbone(build(SWIN), str(tmp_path / 'nothing.pth'), config_key=KEY)


def test_load_backbone__resnet(tmp_path):
    resnet = build(dict(type='ResNet', depth=18))
    message = refusal(tmp_path, prefixed(resnet.state_dict(), 'backbone.'), SWIN)
    assert 'names are of no known library' in message and 'bn1' in message or 'conv1' in message


def deeper(config: dict) -> dict:
    arch = config['arch']
    return {**config, 'arch': {**arch, 'depths': [2, 2, 4, 2]}}


def wider(config: dict) -> dict:
    arch = config['arch']
    factor = {key: 2 * value for key, value in arch.items()
              if key in ('embed_dims', 'feedforward_channels')}
    return {**config, 'arch': {**arch, **factor}}


@pytest.mark.parametrize('config, other, reason', [
    (VIT, wider(VIT), 'of another shape (file -> network): cls_token (1, 1, 96) -> (1, 1, 48)'),
    (SWIN, wider(SWIN), 'of another shape (file -> network): norm3.bias (128,) -> (64,)'),
    (SWIN, deeper(SWIN), '28 tensors unexpected: stages.2.blocks.2.'),
    (deeper(SWIN), SWIN, '26 tensors missing: stages.2.blocks.2.'),
    (SWIN, VIT, 'tensors missing'),
])
def test_load_backbone__another_architecture(tmp_path, config, other, reason):
    assert reason in refusal(tmp_path, weights(other), config)


@pytest.mark.parametrize('name, arch, other', [
    ('MoCoV3ViT', 'mocov3-small', 'base'), ('SwinTransformer', 'tiny', 'base')])
def test_load_backbone__the_papers_big_network_for_its_small_one(tmp_path, name, arch, other):
    config = dict(type=name, **(dict(patch_size=16) if name == 'MoCoV3ViT' else {}))
    state = MODELS.build({**config, 'arch': other}).state_dict()
    path = tmp_path / 'teacher.pth'
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r'of another shape \(file -> network\)'):
        load_backbone(MODELS.build({**config, 'arch': arch}), str(path), config_key=KEY)


def edited(state: dict, **edits) -> dict:
    return {**state, **{key.replace('__', '.'): value for key, value in edits.items()}}


def with_value(state: dict, name: str, value: float) -> dict:
    tensor = state[name].clone()
    tensor.view(-1)[-1] = value
    return {**state, name: tensor}


@pytest.mark.parametrize('edit, reason', [
    (lambda state: {k: v for k, v in state.items() if not k.startswith(('layers.2', 'layers.3'))},
     '24 tensors missing: layers.2.'),
    (lambda state: {k: v for k, v in state.items() if k != 'ln1.bias'},
     '1 tensors missing: ln1.bias\n'),
    (lambda state: edited(state, extra__weight=torch.ones(2)),
     '1 tensors unexpected: extra.weight\n'),
    (lambda state: edited(state, ln1__bias=torch.ones(47)),
     '1 tensors of another shape (file -> network): ln1.bias (47,) -> (48,)\n'),
    (lambda state: edited(state, ln1__bias=torch.ones(48, 1)),
     '1 tensors of another shape (file -> network): ln1.bias (48, 1) -> (48,)\n'),
    (lambda state: with_value(state, 'layers.1.attn.qkv.weight', float('nan')),
     '1 tensors not finite: layers.1.attn.qkv.weight\n'),
    (lambda state: with_value(state, 'patch_embed.projection.bias', float('-inf')),
     '1 tensors not finite: patch_embed.projection.bias\n'),
    (lambda state: with_value(state, 'pos_embed', 0.5),
     '1 tensors fixed by formula, but of other values: pos_embed\n'),
])
def test_load_backbone__one_flaw_is_named_and_alone(tmp_path, edit, reason):
    message = refusal(tmp_path, edit(weights(VIT)), VIT)
    assert reason in message
    assert sum(line.startswith('  ') and 'tensors' in line for line in message.splitlines()) == 1


def test_load_backbone__learned_positions_of_deit_for_12_heads(tmp_path):
    deit = dict(type='VisionTransformer', arch='deit-small', img_size=224, patch_size=16)
    config = dict(type='MoCoV3ViT', arch='mocov3-small', img_size=224, patch_size=16,
                  out_type='featmap')
    state, wanted = build(deit).state_dict(), build(config).state_dict()
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in wanted.items()}
    assert 'fixed by formula, but of other values: pos_embed' in refusal(tmp_path, state, config)


def test_load_backbone__shuffled_position_index(tmp_path):
    state = weights(SWIN)
    name = 'stages.0.blocks.0.attn.w_msa.relative_position_index'
    state[name] = state[name].flip(0)
    assert f'fixed by formula, but of other values: {name}' in refusal(tmp_path, state, SWIN)


def test_load_backbone__refusal_leaves_the_network_as_it_was(tmp_path):
    path = tmp_path / 'teacher.pth'
    torch.save(with_value(weights(VIT), 'ln1.bias', float('nan')), path)
    network = build(VIT)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(CheckpointError):
        load_backbone(network, str(path), config_key=KEY)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
