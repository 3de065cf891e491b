"""What the tensors of a file tell of its architecture, against those of the networks themselves."""

from dataclasses import replace

import pytest
import torch
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import CheckpointError, describe, network_name, save_backbone, timm_call
from mimco_mm.checkpoints.architecture import SwinArchitecture, ViTArchitecture
from mimco_mm.checkpoints.networks import transformers_config

from ..reference.official import files, swin, vit

SWIN = SwinArchitecture(
    width=8, depths=(2, 4, 2), heads=(1, 2, 4), window=4, patch=2, mlp_ratio=4.)
VIT = ViTArchitecture(width=48, depth=3, heads=4, hidden=192, image_size=64, patch=16)


def random_swin() -> dict:
    return swin.random_swin(depths=(2, 4, 2), num_heads=(1, 2, 4), window=4, patch=2)


def transformers_file(path, model: torch.nn.Module):
    torch.save(model.state_dict(), path)
    return path


@pytest.mark.parametrize('write', [files.moby, files.simmim, files.swin, files.esvit,
                                   files.timm_swin, files.mmpretrain_swin])
def test_describe__swin_in_any_format(tmp_path, write):
    path = write(tmp_path / 'a.pth', random_swin())
    about = describe(str(path))
    assert about.architecture == SWIN
    assert about.found.naming.family == 'Swin'


@pytest.mark.parametrize('write', [files.moby, files.dino, files.dino_backbone, files.ibot,
                                   files.moco_v3, files.mmpretrain_vit])
@pytest.mark.parametrize('positions', ['learned', 'mocov3'])
def test_describe__vit_in_any_format(tmp_path, write, positions):
    path = write(tmp_path / 'a.pth', vit.random_vit(positions=positions))
    assert describe(str(path), heads=4).architecture == VIT
    with pytest.raises(CheckpointError, match='number of attention heads .* give it with --heads'):
        describe(str(path))


def test_describe__simmims_vit_tells_its_heads_by_its_table(tmp_path):
    path = files.simmim(tmp_path / 'a.pth', vit.random_simmim_vit(heads=3))
    assert describe(str(path)).architecture == replace(VIT, heads=3, layer_scale=True,
                                                       relative=True)


@pytest.mark.parametrize('image, patch, depth, ratio', [(32, 8, 1, 2), (84, 14, 2, 4)])
def test_describe__vit_of_another_size(tmp_path, image, patch, depth, ratio):
    state = vit.random_vit(width=24, img_size=image, patch=patch, depth=depth, mlp_ratio=ratio)
    path = files.dino_backbone(tmp_path / 'a.pth', state)
    assert describe(str(path), heads=2).architecture == ViTArchitecture(
        width=24, depth=depth, heads=2, hidden=24 * ratio, image_size=image, patch=patch)


def test_describe__swin_with_windows_of_other_sizes(tmp_path):
    """A last stage whose map is smaller than the window, as at 16 px here."""
    state = swin.random_swin(depths=(1, 1, 1), num_heads=(1, 2, 4), window=4, patch=2, img_size=16)
    assert describe(str(files.swin(tmp_path / 'a.pth', state))).architecture == SwinArchitecture(
        width=8, depths=(1, 1, 1), heads=(1, 2, 4), window=4, patch=2, mlp_ratio=4.)


def test_describe__swin_with_a_narrow_mlp(tmp_path):
    state = random_swin()
    for key, value in state.items():
        if '.mlp.fc1.' in key:
            state[key] = value[:len(value) // 2]
        elif key.endswith('.mlp.fc2.weight'):
            state[key] = value[:, :value.shape[1] // 2]
    about = describe(str(files.swin(tmp_path / 'a.pth', state)))
    assert about.architecture == replace(SWIN, mlp_ratio=2.)


@pytest.mark.parametrize('positions, heads', [('learned', 6), ('mae', 6), ('mocov3', 12)])
def test_describe__heads_of_vit_s(tmp_path, positions, heads):
    state = vit.random_vit(width=384, depth=1, img_size=32, positions=positions, mlp_ratio=1)
    path = files.dino_backbone(tmp_path / 'a.pth', state)
    assert describe(str(path)).architecture.heads == heads
    assert describe(str(path), heads=8).architecture.heads == 8  # who says so must know
    save_backbone(tmp_path / 'b.pth', vit.vit_to_mmpretrain(state), num_heads=3, epoch=7)
    about = describe(str(tmp_path / 'b.pth'))
    assert about.architecture.heads == 3 and about.meta['epoch'] == 7


@pytest.mark.parametrize('state, reason', [
    ({'conv1.weight': torch.ones(2)}, 'neither a Swin nor a ViT in a known naming.*conv1.weight'),
    ({key: value for key, value in vit.random_simmim_vit().items() if 'rel_pos' not in key},
     'neither a position embedding nor a table of relative positions'),
    ({**vit.random_simmim_vit(), 'rel_pos_bias.relative_position_bias_table': torch.ones(7, 4)},
     'has 7 rows: not those of a square grid'),
    ({**vit.random_vit(), 'pos_embed': torch.ones(1, 7, 48)}, 'no square grid')])
def test_describe__what_has_no_architecture_that_is_known(tmp_path, state, reason):
    torch.save(state, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=reason):
        describe(str(tmp_path / 'a.pth'), heads=4)


PAPERS = [
    ('swin-t', dict(type='SwinTransformer', arch='tiny'), SwinArchitecture(
        width=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), window=7, patch=4, mlp_ratio=4.)),
    ('swin-b', dict(type='SwinTransformer', arch='base'), SwinArchitecture(
        width=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), window=7, patch=4, mlp_ratio=4.)),
    ('vit-s', dict(type='MoCoV3ViT', arch='mocov3-small', patch_size=16), ViTArchitecture(
        width=384, depth=12, heads=12, hidden=1536, image_size=224, patch=16)),
    ('vit-b', dict(type='MoCoV3ViT', arch='base', patch_size=16), ViTArchitecture(
        width=768, depth=12, heads=12, hidden=3072, image_size=224, patch=16)),
]


@pytest.mark.parametrize('name, network, architecture', PAPERS)
def test_architecture__of_the_papers_networks(name, network, architecture):
    with torch.device('cpu' if 'swin' in name else 'meta'):
        state = MODELS.build(network).state_dict()
    found = (SwinArchitecture.of(state) if 'swin' in name
             else ViTArchitecture.of(state, architecture.heads))
    assert found == architecture and network_name(found) == name


@pytest.mark.parametrize('architecture', [SWIN, VIT, SwinArchitecture(
    width=96, depths=(2, 2, 18, 2), heads=(3, 6, 12, 24), window=7, patch=4, mlp_ratio=4.)])
def test_network_name__none_for_any_other(architecture):
    assert network_name(architecture) is None


@pytest.mark.parametrize('architecture', [SWIN, *(case[2] for case in PAPERS[:2])])
def test_transformers_config__swin(tmp_path, architecture):
    transformers = pytest.importorskip('transformers')
    config = transformers.SwinConfig(**transformers_config(architecture))
    assert config.hidden_size == architecture.width * 2**(len(architecture.depths) - 1)
    assert config.layer_norm_eps == 1e-5 and config.hidden_act == 'gelu'
    if architecture is SWIN:
        path = transformers_file(tmp_path / 'a.pth', transformers.SwinModel(config))
        assert describe(str(path)).architecture == architecture


@pytest.mark.parametrize('architecture', [VIT, *(case[2] for case in PAPERS[2:])])
def test_transformers_config__vit(tmp_path, architecture):
    transformers = pytest.importorskip('transformers')
    config = transformers.ViTConfig(**transformers_config(architecture))
    assert config.num_attention_heads == architecture.heads
    assert config.layer_norm_eps == 1e-6 and config.hidden_act == 'gelu'  # its default is 1e-12
    if architecture is VIT:
        path = transformers_file(tmp_path / 'a.pth', transformers.ViTModel(config))
        assert describe(str(path), heads=4).architecture == architecture


@pytest.mark.parametrize('architecture, expected', [
    (PAPERS[0][2], "timm.create_model('swin_tiny_patch4_window7_224', num_classes=0, "
                   "checkpoint_path='a b.safetensors')"),
    (PAPERS[1][2], "timm.create_model('swin_base_patch4_window7_224', num_classes=0, "
                   "checkpoint_path='a b.safetensors')"),
    (PAPERS[2][2], "timm.create_model('vit_small_patch16_224', num_classes=0, num_heads=12, "
                   "global_pool='avg', fc_norm=False, checkpoint_path='a b.safetensors')"),
    (PAPERS[3][2], "timm.create_model('vit_base_patch16_224', num_classes=0, global_pool='avg', "
                   "fc_norm=False, checkpoint_path='a b.safetensors')"),
])
def test_timm_call__of_the_papers_networks(architecture, expected):
    assert timm_call(architecture, 'a b.safetensors') == expected
