"""Names of libraries: told from the keys, read and written back, and those of the real clients."""

from typing import Callable

import pytest
import torch
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import CheckpointError, load_backbone
from mimco_mm.checkpoints.namings import NAMINGS, Contents, Naming, naming_of
from mimco_mm.checkpoints.releases import find_backbone

from ..reference.official import clip, swin, vit

HEADS = (1, 2, 4)
SWIN = dict(
    type='SwinTransformer', arch=dict(embed_dims=8, depths=[2, 2, 2], num_heads=list(HEADS)),
    img_size=32, patch_size=2, window_size=4, out_indices=(2, ), drop_path_rate=0.)
VIT = dict(
    type='VisionTransformer', img_size=64, patch_size=16, out_type='featmap',
    arch=dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=192))
# transformers and float32; a wrong order, head or eps of 1e-5 for 1e-12 is far beyond.
TOLERANCE = 1e-5


def random_swin() -> dict:
    """Without the masks of shifted windows, which every network computes."""
    state = swin.random_swin(depths=(2, 2, 2), num_heads=HEADS, window=4, patch=2)
    return {key: value for key, value in state.items() if not key.endswith('attn_mask')}


def plain_swin() -> dict:
    return swin.swin_to_mmpretrain(random_swin())


def random_vit(**arguments) -> Callable[[], dict]:
    return lambda: vit.random_vit(**arguments)


def plain_vit() -> dict:
    return vit.vit_to_mmpretrain(vit.random_vit(layer_scale=True))


def split_qkv(state: dict, names: dict, inner: str) -> dict:
    """``state`` under transformers' ``names``, with a third of each qkv for q, k and v."""
    written = {}
    for key, value in state.items():
        for ours, theirs in names.items():
            key = key.replace(ours, theirs)
        if '.attn.qkv.' in key:
            for name, part in zip(('query', 'key', 'value'), value.chunk(3)):
                written[key.replace('.attn.qkv.', f'.{inner}.{name}.')] = part
        else:
            written[key.replace('.attn.', f'.{inner}.')] = value
    return written


TRANSFORMERS_BLOCK = {
    'attn.proj': 'attention.output.dense', 'norm1': 'layernorm_before', 'norm2': 'layernorm_after',
    'mlp.fc1': 'intermediate.dense', 'mlp.fc2': 'output.dense'}


def transformers_swin() -> dict:
    names = {**TRANSFORMERS_BLOCK, 'patch_embed.proj': 'embeddings.patch_embeddings.projection',
             'patch_embed.norm': 'embeddings.norm', 'layers.': 'encoder.layers.'}
    state = split_qkv(random_swin(), names, 'attention.self')
    return {f'layer{key}' if key.startswith('norm.') else key: value
            for key, value in state.items()}


def transformers_vit() -> dict:
    names = {**TRANSFORMERS_BLOCK, 'patch_embed.proj': 'embeddings.patch_embeddings.projection',
             'cls_token': 'embeddings.cls_token', 'pos_embed': 'embeddings.position_embeddings',
             'blocks.': 'encoder.layer.'}
    state = split_qkv(vit.random_vit(), names, 'attention.attention')
    return {f'layer{key}' if key.startswith('norm.') else key: value
            for key, value in state.items()}


def transformers_dinov2() -> dict:
    names = {'patch_embed.proj': 'embeddings.patch_embeddings.projection',
             'attn.proj': 'attention.output.dense', 'ls1.gamma': 'layer_scale1.lambda1',
             'ls2.gamma': 'layer_scale2.lambda1', 'cls_token': 'embeddings.cls_token',
             'pos_embed': 'embeddings.position_embeddings', 'blocks.': 'encoder.layer.'}
    state = split_qkv(vit.random_vit(layer_scale=True), names, 'attention.attention')
    return {f'layer{key}' if key.startswith('norm.') else key: value
            for key, value in state.items()}


def mmseg_vit() -> dict:
    """mmpretrain's names with torch's attention."""
    state = vit.vit_to_mmpretrain(vit.random_vit())
    state = {key.replace('attn.proj.', 'attn.attn.out_proj.'): value
             for key, value in state.items()}
    return {key.replace('attn.qkv.', 'attn.attn.in_proj_'): value for key, value in state.items()}


def clip_vit() -> dict:
    """The image tower of OpenAI's CLIP, less its projection, which belongs to no backbone."""
    return {key.removeprefix('visual.'): value for key, value in clip.random_clip_visual().items()
            if key.startswith('visual.') and key != 'visual.proj'}


STATES = {
    'mmpretrain Swin': plain_swin,
    'official Swin': random_swin,
    'timm Swin': lambda: swin.swin_to_timm(random_swin()),
    'transformers Swin': transformers_swin,
    'mmpretrain ViT': plain_vit,
    'timm ViT': random_vit(),
    'timm ViT, layer scale': random_vit(layer_scale=True),
    'timm ViT, SimMIM': vit.random_simmim_vit,
    'transformers ViT': transformers_vit,
    'transformers DINOv2': transformers_dinov2,
    'mmseg ViT': mmseg_vit,
    'CLIP ViT': clip_vit,
}


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_namings__all_are_tested():
    assert {naming.name for naming in NAMINGS} == {case.partition(',')[0] for case in STATES}


@pytest.mark.parametrize('case', STATES)
def test_naming_of__a_state_has_its_own_naming_alone(case):
    fitting = [naming.name for naming in NAMINGS if naming.fits(STATES[case]())]
    # An official Swin with three stages or more has the merging by which timm's is known.
    assert fitting[1:] == (['timm Swin'] if case == 'official Swin' else [])
    assert naming_of(STATES[case]()).name == case.partition(',')[0]


@pytest.mark.parametrize('case', STATES)
def test_naming__write_undoes_read(case):
    state = STATES[case]()
    naming = naming_of(state)
    contents = naming.read(state)
    assert same(naming.write(contents.state), state)
    assert contents.left_out == []
    assert naming_of(contents.state).name == f'mmpretrain {naming.family}'


@pytest.mark.parametrize('naming', NAMINGS, ids=lambda naming: naming.name)
def test_naming__read_undoes_write(naming):
    plain = plain_swin() if naming.family == 'Swin' else plain_vit()
    written = naming.write(plain)
    assert naming_of(written).name == naming.name
    computed = set()
    if naming.name == 'timm Swin':  # which saves no buffers
        computed = {key for key in plain if key.endswith('relative_position_index')}
    assert same(naming.read(written).state,
                {key: value for key, value in plain.items() if key not in computed})


@pytest.mark.parametrize('case, expected', [
    ('official Swin', plain_swin), ('timm Swin', plain_swin), ('transformers Swin', plain_swin),
    ('timm ViT, layer scale', plain_vit),
    ('transformers ViT', lambda: vit.vit_to_mmpretrain(vit.random_vit())),
    ('transformers DINOv2', plain_vit),
    ('mmseg ViT', lambda: vit.vit_to_mmpretrain(vit.random_vit())),
])
def test_naming__read_gives_mmpretrains_tensors(case, expected):
    state, plain = naming_of(STATES[case]()).read(STATES[case]()).state, expected()
    if case == 'timm Swin':
        plain = {key: value for key, value in plain.items() if not key.endswith('position_index')}
    assert same(state, plain)


@pytest.mark.parametrize('naming', NAMINGS, ids=lambda naming: naming.name)
def test_naming__unknown_tensors_keep_their_names(naming):
    """Also those that are named nearly as a known one, or as what belongs to no backbone."""
    plain = plain_swin() if naming.family == 'Swin' else plain_vit()
    unknown = {name: torch.ones(2) for name in (
        'odd.weight', 'blockss.0.odd', 'normal.weight', 'layernormal.bias', 'odd.head.weight',
        'odd.classifier.weight', 'odd.proj')}
    read = naming.read({**naming.write(plain), **unknown})
    assert read.state.keys() - plain.keys() == unknown.keys() and read.left_out == []
    written = naming.write({**plain, **unknown})
    assert all(written[key] is value for key, value in unknown.items())


def test_naming__final_norm_of_mmpretrains_swin_may_have_no_number():
    """So are the files which mmdet's and mmseg's converters write."""
    plain = plain_swin()
    bare = {key.replace('norm2.', 'norm.') if key.startswith('norm2.') else key: value
            for key, value in plain.items()}
    assert {'norm.weight', 'norm.bias'} == bare.keys() - plain.keys()
    assert same(naming_of(bare).read(bare).state, plain)


@pytest.mark.parametrize('case, key', [
    ('official Swin', 'layers.0.blocks.0.odd.weight'), ('timm Swin', 'layers.2.odd'),
    ('transformers Swin', 'encoder.odd'), ('mmpretrain Swin', 'stages.0.odd'),
    ('timm ViT', 'blocks.0.attn.k_norm.weight'), ('transformers ViT', 'embeddings.odd'),
    ('transformers DINOv2', 'encoder.layer.0.odd'), ('mmseg ViT', 'layers.0.attn.attn.odd'),
    ('mmpretrain ViT', 'cls_token_2'), ('CLIP ViT', 'proj_2.weight')])
def test_load_backbone__unknown_tensor_is_refused_by_its_name(tmp_path, case, key):
    state = {**STATES[case](), key: torch.ones(2)}
    if case == 'CLIP ViT':
        state = {f'visual.{name}': value for name, value in state.items()}
    torch.save(state, tmp_path / 'odd.pth')
    network = MODELS.build(SWIN if 'Swin' in case else dict(
        VIT, pre_norm=case == 'CLIP ViT',
        layer_scale_init_value=0.1 if case in ('mmpretrain ViT', 'transformers DINOv2') else 0.))
    with pytest.raises(CheckpointError, match=r'1 tensors unexpected: (\S+)\n') as error:
        load_backbone(network, str(tmp_path / 'odd.pth'), config_key='checkpoint')
    assert key.rpartition('.')[2] in str(error.value)
    assert 'tensors missing' not in str(error.value)


BAD = {
    'CLIP ViT': ({'class_embedding': None}, 'tensors missing: cls_token'),
    'official Swin': ({'layers.0.downsample.norm.bias': torch.ones(3)},
                      r'stages.0.downsample.norm.bias \(3,\) -> \(32,\)'),
    'timm ViT': ({0: torch.ones(2)}, 'tensors unexpected: 0'),
}


@pytest.mark.parametrize('case', BAD)
def test_load_backbone__bad_tensors_of_known_namings(tmp_path, case):
    state = {**STATES[case](), **BAD[case][0]}
    torch.save({f'visual.{key}' if case == 'CLIP ViT' else key: value
                for key, value in state.items() if value is not None}, tmp_path / 'bad.pth')
    network = MODELS.build(SWIN if 'Swin' in case else dict(VIT, pre_norm=case == 'CLIP ViT'))
    with pytest.raises(CheckpointError, match=BAD[case][1]):
        load_backbone(network, str(tmp_path / 'bad.pth'), config_key='checkpoint')


def test_load_backbone__masked_embed_of_ibots_swin_student(tmp_path):
    torch.save({**random_swin(), 'masked_embed': torch.ones(1, 8)}, tmp_path / 'student.pth')
    network = MODELS.build(SWIN)
    report = load_backbone(network, str(tmp_path / 'student.pth'), config_key='checkpoint')
    assert 'masked_embed' in report.left_out


class OtherViT(Naming):
    """A naming as a user would append it."""

    name, family, mark = 'other ViT', 'ViT', 'b1/x'
    pairs = (('b{}/', 'layers.{}.'), )
    ignored = (r'head', )


def test_naming__of_a_library_of_ones_own():
    values = [torch.ones(1) * number for number in range(4)]
    contents = OtherViT().read(dict(zip(('b1/x', 'b12/y', 'b/z', 'header'), values)))
    assert contents == Contents(
        {'layers.1.x': values[0], 'layers.12.y': values[1], 'b/z': values[2]}, ['header'])
    assert OtherViT().write(contents.state) == dict(zip(('b1/x', 'b12/y', 'b/z'), values))


def images(side: int) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(5))


def randomised(model: torch.nn.Module) -> torch.nn.Module:
    """No bias, norm, class token or position is left at 0 or 1, where a mistake would not show."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    model.eval()
    return model


def check_features(tmp_path, state: dict, config: dict, expected: torch.Tensor) -> str:
    """Load ``state`` and compare the last map with ``expected``; returns where it lay."""
    torch.save(state, tmp_path / 'client.pth')
    network = MODELS.build(config)
    network.init_weights()
    report = load_backbone(network, str(tmp_path / 'client.pth'), config_key='checkpoint')
    network.eval()
    with torch.no_grad():
        found = network(images(config['img_size']))[-1]
    assert found.shape == expected.shape and expected.std() > 0.1
    assert (found - expected).abs().max() < TOLERANCE
    assert report.covered == report.parameters
    return f'{report.release}, {report.naming}'


def as_map(tokens: torch.Tensor) -> torch.Tensor:
    return tokens.transpose(1, 2).unflatten(2, (4, 4))


@pytest.mark.parametrize('classifier', [False, True])
def test_load_backbone__features_of_transformers_swin(tmp_path, classifier):
    transformers = pytest.importorskip('transformers')
    config = transformers.SwinConfig(
        image_size=32, patch_size=2, embed_dim=8, depths=[2, 2, 2], num_heads=list(HEADS),
        window_size=4, num_labels=5)
    head = transformers.SwinForImageClassification if classifier else transformers.SwinModel
    model = randomised(head(config))
    with torch.no_grad():
        tokens = (model.swin if classifier else model)(images(32)).last_hidden_state
    release = check_features(tmp_path, model.state_dict(), SWIN, as_map(tokens))
    assert release == f'{"model of transformers" if classifier else "bare backbone"}, ' \
                      'transformers Swin'


@pytest.mark.parametrize('classifier', [False, True])
def test_load_backbone__features_of_transformers_vit(tmp_path, classifier):
    transformers = pytest.importorskip('transformers')
    config = transformers.ViTConfig(
        image_size=64, patch_size=16, hidden_size=48, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=192, num_labels=5, layer_norm_eps=1e-6)
    head = transformers.ViTForImageClassification if classifier else transformers.ViTModel
    model = randomised(head(config))
    with torch.no_grad():
        tokens = (model.vit if classifier else model)(images(64)).last_hidden_state[:, 1:]
    release = check_features(tmp_path, model.state_dict(), VIT, as_map(tokens))
    assert release == f'{"model of transformers" if classifier else "bare backbone"}, ' \
                      'transformers ViT'


TIMM = {
    'swin_tiny_patch4_window7_224': (SWIN, dict(
        patch_size=2, window_size=4, embed_dim=8, depths=(2, 2, 2), num_heads=HEADS)),
    'vit_small_patch16_224': (VIT, {}),
    'vit_small_patch14_dinov2': (dict(VIT, layer_scale_init_value=1e-5), {}),
    'vit_base_patch16_clip_quickgelu_224': (dict(
        VIT, pre_norm=True, norm_cfg=dict(type='LN', eps=1e-5),
        layer_cfgs=dict(act_cfg=dict(type='mmpretrain.QuickGELU'))), {}),
}


@pytest.mark.parametrize('classes', [0, 5])
@pytest.mark.parametrize('name', TIMM)
def test_load_backbone__features_of_timm(tmp_path, name, classes):
    timm = pytest.importorskip('timm')
    config, size = TIMM[name]
    size = size or dict(patch_size=16, embed_dim=48, depth=3, num_heads=4, dynamic_img_size=True)
    model = randomised(timm.create_model(
        name, num_classes=classes, img_size=config['img_size'], **size))
    with torch.no_grad():
        found = model.forward_features(images(config['img_size']))
    expected = found.permute(0, 3, 1, 2) if config is SWIN else as_map(found[:, 1:])
    release = check_features(tmp_path, model.state_dict(), config, expected)
    assert release == f'bare backbone, timm {"Swin" if config is SWIN else "ViT"}'


def test_find_backbone__left_out_are_the_files_classifier_and_masks():
    state = {**swin.random_swin(depths=(2, 2, 2), num_heads=HEADS, window=4, patch=2),
             'head.weight': torch.ones(5, 32), 'head.bias': torch.ones(5)}
    found = find_backbone(dict(model=state))
    assert found.left_out == ['head.bias', 'head.weight', 'layers.0.blocks.1.attn_mask',
                              'layers.1.blocks.1.attn_mask']
    assert same(found.state, plain_swin()) and same(found.inside, state)
