"""Loading a backbone: an exact fit is loaded and reported, anything less is refused in words."""

import hashlib
import re

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import CheckpointError, load_backbone

from ..harm import HARMS
from ..reference.official import files, swin, vit

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


OFFICIAL_SWIN = dict(
    type='SwinTransformer', img_size=32, window_size=2, drop_path_rate=0., out_indices=(1, ),
    arch=dict(embed_dims=8, depths=[2, 2], num_heads=[1, 2]))
OFFICIAL_VIT = dict(
    type='VisionTransformer', img_size=64, patch_size=16, out_type='featmap',
    arch=dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=192))


def load_file(path, config: dict, **arguments):
    network = build(config)
    return network, load_backbone(network, str(path), config_key=KEY, **arguments)


def file_refusal(path, config: dict) -> str:
    with pytest.raises(CheckpointError) as error:
        load_file(path, config)
    message = str(error.value)
    assert message.startswith(f'Cannot load {config["type"]} from `{KEY}`={str(path)!r}:\n')
    return message


def test_load_backbone__line(tmp_path):
    path = files.moby(tmp_path / 'moby.pth', swin.random_swin())
    network, report = load_file(path, OFFICIAL_SWIN)
    assert '\n' not in str(report)
    assert str(report) == (
        f'{path} (sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}; MoBY, official '
        f'Swin): {len(network.state_dict())} tensors matched, 0 missing, 0 unexpected, 100 % of '
        '0.0 M parameters, left out: layers.0.blocks.1.attn_mask, layers.1.blocks.1.attn_mask')


def test_load_backbone__fresh_tensors_are_said_and_not_counted(tmp_path):
    path = files.moby(tmp_path / 'moby.pth', swin.random_swin())
    config = {**OFFICIAL_SWIN, 'out_indices': (0, 1)}
    before = build(config).state_dict()
    network, report = load_file(path, config, fresh=('norm0.', 'norm1.'))
    # norm1 is the file's last norm: it is there, so it is taken.
    assert report.fresh == ('norm0.bias', 'norm0.weight')
    assert torch.equal(network.norm0.weight, before['norm0.weight'])
    assert not torch.equal(network.norm1.weight, before['norm1.weight'])
    assert report.covered == report.parameters - 16
    assert 'initialised afresh: norm0.bias, norm0.weight' in str(report)
    share = f'{100 * report.covered / report.parameters:.4g} % of'
    assert share in str(report) and not share.startswith('100 ')
    for other in ((), ('norm1.', ), ('orm0.', )):  # prefixes, and of what is missing
        with pytest.raises(CheckpointError, match='2 tensors missing: norm0.bias, norm0.weight'):
            load_file(path, config, fresh=other)


def test_load_backbone__unreadable_files_name_key_and_network(tmp_path):
    path, mark = tmp_path / 'bad.pth', tmp_path / 'mark'
    torch.save(dict(state_dict=vit.random_vit(), harm=HARMS['os.mkdir'](mark)), path)
    assert 'cannot be read safely: to unpickle it is to call' in file_refusal(path, OFFICIAL_VIT)
    assert not mark.exists()
    files.dino(path, vit.random_vit())
    load_file(path, OFFICIAL_VIT)
    path.write_bytes(path.read_bytes()[:-1000])
    assert 'its end is missing. Copy or download it again' in file_refusal(path, OFFICIAL_VIT)
    path.write_text('<html><body>404 Not Found</body></html>')
    assert 'It is a web page' in file_refusal(path, OFFICIAL_VIT)


def resnet(path, state: dict):
    """MoCo v3's file of a ResNet."""
    branches = ('module.base_encoder.', 'module.momentum_encoder.')
    torch.save(dict(state_dict={f'{branch}{key}': value for branch in branches for key, value in (
        ('conv1.weight', torch.ones(2)), ('layer1.0.conv1.weight', torch.ones(2)))}), path)
    return path


def optimizer_alone(path, state: dict):
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    optimizer = torch.optim.AdamW([parameter])
    optimizer.step()
    torch.save(optimizer.state_dict(), path)
    return path


def without_last_block(state: dict) -> dict:
    return {key: value for key, value in state.items() if not key.startswith('blocks.2')}


@pytest.mark.parametrize('write, edit, reason', [
    (resnet, dict, r'names are of no known library .*: conv1.weight, layer1.0.conv1.weight'),
    (optimizer_alone, dict, r"No tensors in it; its keys are \['param_groups', 'state'\]"),
    (files.moby, without_last_block, r'12 tensors missing: layers.2.attn.proj.bias, .*, .* \.{3}'),
    (files.moco_v3, without_last_block, r'12 tensors missing: layers.2'),
    (files.dino, lambda state: with_value(state, 'norm.bias', float('nan')),
     r'1 tensors not finite: ln1.bias'),
    (files.ibot, lambda state: vit.random_vit(width=96),
     r'\d+ tensors of another shape .*: cls_token \(1, 1, 96\) -> \(1, 1, 48\)'),
    (files.moby, lambda state: swin.random_swin(), r'\d+ tensors missing: cls_token'),
    (files.ibot, lambda state: vit.random_vit(depth=4), r'12 tensors unexpected: layers.3'),
])
def test_load_backbone__official_files_that_are_not_this_network(tmp_path, write, edit, reason):
    path = write(tmp_path / 'bad.pth', edit(vit.random_vit()))
    assert re.search(reason, file_refusal(path, OFFICIAL_VIT))
