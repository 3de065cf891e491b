"""The references against timm and mmpretrain as clients, and the files against their formats."""
import pickletools
import sys
import zipfile
from functools import partial

import pytest
import torch
import torch.nn as nn
from mmpretrain.models import MoCoV3ViT, SimMIMSwinTransformer, SwinTransformer, VisionTransformer

from . import files
from .clip import clip_features, random_clip_visual
from .swin import random_swin, swin_features, swin_to_mmpretrain, swin_to_timm, unfold_order
from .vit import (
    random_simmim_vit,
    random_vit,
    simmim_vit_features,
    vit_features,
    vit_to_mmpretrain,
)

SWINS = {
    'shifted': dict(),
    'shift of 1 in 3': dict(img_size=48, window=3),
    'a map as large as the window, then a smaller one': dict(
        window=4, depths=(2, 2, 2), num_heads=(1, 2, 4), seed=3),
}


def images(size=32, count=2, seed=5):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, size, size, generator=generator, dtype=torch.float64)


def some_mask(side, count=2, seed=6):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, side, side, generator=generator) < 0.5


def same(a, b, tolerance=1e-9):
    assert a.shape == b.shape
    assert (a - b).abs().max() < tolerance
    assert a.std() > 0.1  # not equal by both being nothing


def load(model, state):
    """Strictly, and in float64 with dropout and the like off."""
    model.load_state_dict(state, strict=True)
    model.double().eval()  # which mmpretrain's Swin answers with None
    return model


def swin_arch(embed_dim=8, depths=(2, 2), num_heads=(1, 2), window=2, img_size=32, seed=0):
    """(state, heads, window, image side, arguments of timm's class)."""
    state = random_swin(embed_dim, depths, num_heads, window, img_size, seed=seed)
    arguments = dict(img_size=img_size, patch_size=4, embed_dim=embed_dim, depths=depths,
                     num_heads=num_heads, window_size=window)
    return state, num_heads, window, img_size, arguments


def timm_swin(eps=1e-5, num_classes=0, **arguments):
    module = pytest.importorskip('timm.models.swin_transformer')
    norm = partial(nn.LayerNorm, eps=eps)
    return module.SwinTransformer(num_classes=num_classes, norm_layer=norm, **arguments)


@pytest.mark.parametrize('eps', [1e-5, 1e-6])
@pytest.mark.parametrize('arch', SWINS.values(), ids=SWINS)
def test_swin_equals_timms(arch, eps):
    state, heads, window, size, arguments = swin_arch(**arch)
    model = load(timm_swin(eps, **arguments), swin_to_timm(state))
    x = images(size)
    with torch.no_grad():
        expected = model.forward_features(x).permute(0, 3, 1, 2)
    same(swin_features(state, x, heads, window, eps=eps), expected)


@pytest.mark.parametrize('arch', SWINS.values(), ids=SWINS)
def test_swins_buffers_are_timms(arch):
    state, *_, arguments = swin_arch(**arch)
    buffers = {k: v for k, v in timm_swin(**arguments).named_buffers() if v is not None}
    ours = {k: v for k, v in state.items() if k.endswith(('attn_mask', 'relative_position_index'))}
    assert set(buffers) == set(ours)
    assert sum(key.endswith('attn_mask') for key in ours) == (1 if arch.get('window') == 4 else 2)
    for key, value in ours.items():
        assert torch.equal(value, buffers[key]), key


def test_timms_own_conversion_gives_the_same_names_and_values():
    module = pytest.importorskip('timm.models.swin_transformer')
    state, *_, arguments = swin_arch()
    converted = module.checkpoint_filter_fn(dict(state), timm_swin(**arguments))
    ours = swin_to_timm(state)
    assert set(converted) == set(ours)
    assert all(torch.equal(converted[key], ours[key]) for key in ours)


def mmpretrain_swin(cls=SwinTransformer, img_size=32, **arguments):
    return cls(arch=dict(embed_dims=8, depths=[2, 2], num_heads=[1, 2]), img_size=img_size,
               out_indices=(1,), **arguments)


def test_swin_equals_mmpretrains():
    state = random_swin()
    x = images()
    model = load(mmpretrain_swin(window_size=2), swin_to_mmpretrain(state))
    with torch.no_grad():
        expected, = model(x)
    same(swin_features(state, x, (1, 2), 2), expected)


def test_masked_swin_equals_mmpretrains():
    state = random_swin(window=7, img_size=56)
    state['mask_token'] = 3 * torch.randn(1, 1, 8, generator=torch.Generator().manual_seed(9))
    x, mask = images(56), some_mask(14)
    model = load(mmpretrain_swin(SimMIMSwinTransformer, 56), swin_to_mmpretrain(state))
    with torch.no_grad():
        expected, = model(x, mask)
    masked = swin_features(state, x, (1, 2), 7, mask)
    same(masked, expected)
    assert (masked - swin_features(state, x, (1, 2), 7)).abs().max() > 0.1


def test_unfold_order_is_nn_unfolds():
    x = images(4)[:, :2]  # (B, 2, 4, 4)
    pixels = x.permute(0, 2, 3, 1)
    merged = torch.cat([pixels[:, 0::2, 0::2], pixels[:, 1::2, 0::2], pixels[:, 0::2, 1::2],
                        pixels[:, 1::2, 1::2]], dim=-1).flatten(1, 2)
    expected = nn.functional.unfold(x, kernel_size=2, stride=2).transpose(1, 2)
    assert torch.equal(unfold_order(merged), expected)
    assert not torch.equal(merged, expected)


def timm_vit(**arguments):
    module = pytest.importorskip('timm.models.vision_transformer')
    arguments = {**dict(img_size=64, patch_size=16, embed_dim=48, depth=3, num_classes=0,
                        norm_layer=partial(nn.LayerNorm, eps=1e-6)), **arguments}
    return module.VisionTransformer(**arguments)


@pytest.mark.parametrize('heads', [3, 12])
@pytest.mark.parametrize('layer_scale', [False, True])
@pytest.mark.parametrize('positions', ['learned', 'mocov3'])
def test_vit_equals_timms(positions, layer_scale, heads):
    state = random_vit(positions=positions, layer_scale=layer_scale)
    model = load(timm_vit(num_heads=heads, init_values=0.1 if layer_scale else None), state)
    x = images(64)
    with torch.no_grad():
        expected = model.forward_features(x)
        block = model.get_intermediate_layers(x, n=[1], return_prefix_tokens=True)[0]
    for ours, (patches, cls) in (
            (vit_features(state, x, heads), (expected[:, 1:], expected[:, 0])),
            (vit_features(state, x, heads, block=1), (block[0], block[1][:, 0]))):
        same(ours[0], patches.transpose(1, 2).reshape(2, 48, 4, 4))
        same(ours[1], cls)


def test_the_number_of_heads_and_eps_change_the_features():
    state, x = random_vit(), images(64)
    base = vit_features(state, x, 3)[0]
    assert (base - vit_features(state, x, 6)[0]).abs().max() > 1e-2
    assert (base - vit_features(state, x, 3, eps=1e-5)[0]).abs().max() > 1e-7


def test_mocov3_positions_are_mmpretrains():
    model = MoCoV3ViT(arch=dict(embed_dims=48, num_layers=1, num_heads=3, feedforward_channels=192),
                      img_size=64, patch_size=16)
    model.init_weights()
    same(random_vit(positions='mocov3')['pos_embed'], model.pos_embed, 1e-6)


@pytest.mark.parametrize('layer_scale', [False, True])
def test_vit_equals_mmpretrains(layer_scale):
    state = random_vit(layer_scale=layer_scale)
    arch = dict(embed_dims=48, num_layers=3, num_heads=3, feedforward_channels=192)
    model = VisionTransformer(arch=arch, img_size=64, patch_size=16, out_type='raw',
                              layer_scale_init_value=0.1 if layer_scale else 0.0)
    load(model, vit_to_mmpretrain(state))
    x = images(64)
    with torch.no_grad():
        expected, = model(x)
    ours, cls = vit_features(state, x, 3)
    same(ours, expected[:, 1:].transpose(1, 2).reshape(2, 48, 4, 4))
    same(cls, expected[:, 0])


@pytest.mark.parametrize('masked', [False, True])
def test_simmim_vit_equals_timms_beit(masked):
    module = pytest.importorskip('timm.models.beit')
    state = random_simmim_vit()
    model = module.Beit(img_size=64, patch_size=16, embed_dim=48, depth=3, num_heads=3,
                        num_classes=0, init_values=0.1, use_abs_pos_emb=False, global_pool='token',
                        use_shared_rel_pos_bias=True, norm_layer=partial(nn.LayerNorm, eps=1e-6))
    index = 'rel_pos_bias.relative_position_index'
    assert torch.equal(dict(model.named_buffers())[index], state[index])
    load(model, {k: v for k, v in state.items() if k not in ('mask_token', index)})
    x, mask = images(64), some_mask(4) if masked else None
    if masked:
        token = state['mask_token'].double()
        hide = mask.flatten(1).unsqueeze(-1)
        model.patch_embed.register_forward_hook(lambda m, i, out: torch.where(hide, token, out))
    with torch.no_grad():
        expected = model.forward_features(x)
    ours, cls = simmim_vit_features(state, x, 3, mask)
    same(ours, expected[:, 1:].transpose(1, 2).reshape(2, 48, 4, 4))
    same(cls, expected[:, 0])


@pytest.mark.parametrize('quick', [True, False])
def test_clip_equals_timms(quick):
    module = pytest.importorskip('timm.models.vision_transformer')
    state = random_clip_visual()
    model = timm_vit(num_heads=3, num_classes=20, pre_norm=True, norm_layer=nn.LayerNorm,
                     act_layer='quick_gelu' if quick else 'gelu')
    load(model, module._convert_openai_clip(state, model))
    x = images(64)
    with torch.no_grad():
        expected = model.forward_features(x)
    ours, cls = clip_features(state, x, 3, quick)
    same(ours, expected[:, 1:].transpose(1, 2).reshape(2, 48, 4, 4))
    same(cls, expected[:, 0])
    assert (ours - clip_features(state, x, 3, not quick)[0]).abs().max() > 1e-3


FILES = {  # writer: (encoder, where the wanted branch is, another branch of the same names)
    files.moby: (random_swin, 'model', 'encoder.', 'model', 'encoder_k.'),
    files.moco_v3: (random_vit, 'state_dict', 'module.base_encoder.',
                    'state_dict', 'module.momentum_encoder.'),
    files.simmim: (random_simmim_vit, 'model', 'encoder.', None, None),
    files.swin: (random_swin, 'model', '', None, None),
    files.dino: (random_vit, 'teacher', 'backbone.', 'student', 'module.backbone.'),
    files.dino_backbone: (random_vit, None, '', None, None),
    files.ibot: (random_vit, 'teacher', 'backbone.', 'student', 'module.backbone.'),
    files.ibot_backbone: (random_vit, 'state_dict', '', None, None),
    files.esvit: (random_swin, 'teacher', '', 'student', 'module.'),
}


@pytest.mark.parametrize('write', FILES, ids=lambda write: write.__name__)
def test_a_file_holds_the_encoder_and_no_second_copy(write, tmp_path):
    make, top, prefix, other_top, other_prefix = FILES[write]
    encoder = make()
    content = files.trusted_content(write(tmp_path / 'a.pth', encoder))
    found = content[top] if top else content
    saved = {k: v for k, v in encoder.items()
             if write is not files.esvit or not k.endswith('attn_mask')}
    for key, value in saved.items():
        assert torch.equal(found[prefix + key], value), key
        if other_top and not key.endswith(('relative_position_index', 'attn_mask')):
            other = content[other_top][other_prefix + key]
            assert other.shape == value.shape
            assert not torch.equal(other, value), key
    assert 'norm.weight' in saved


def pickled_names(path):
    """The classes and functions that a file's pickle names."""
    with zipfile.ZipFile(path) as archive:
        name, = [n for n in archive.namelist() if n.endswith('/data.pkl')]
        ops = pickletools.genops(archive.read(name))
        return {argument.replace(' ', '.') for op, argument, _ in ops if op.name == 'GLOBAL'}


def test_files_need_no_yacs_and_name_foreign_classes(tmp_path, monkeypatch):
    for module in ('yacs', 'yacs.config'):
        monkeypatch.setitem(sys.modules, module, None)  # import yacs fails
    moby = files.moby(tmp_path / 'moby.pth', random_swin())
    assert {'yacs.config.CfgNode', 'numpy.core.multiarray.scalar'} <= pickled_names(moby)
    assert sys.modules['yacs.config'] is None
    assert getattr(sys.modules.get('numpy.core.multiarray'), 'scalar', None) is not files.scalar
    dino = files.dino(tmp_path / 'dino.pth', random_vit())
    assert 'argparse.Namespace' in pickled_names(dino)
    for path in (moby, dino):
        with pytest.raises(Exception, match='not an allowed global'):
            torch.load(path, weights_only=True)


def test_real_yacs_and_numpy_read_the_foreign_classes(tmp_path):
    yacs = pytest.importorskip('yacs.config')
    content = torch.load(files.moby(tmp_path / 'a.pth', random_swin()), weights_only=False)
    assert type(content['config']) is yacs.CfgNode
    assert type(content['config'].MODEL.SWIN) is yacs.CfgNode
    assert content['config'].is_frozen()
    assert content['config'].MODEL.SWIN.DEPTHS == [2, 2, 6, 2]
    assert type(content['max_accuracy']).__name__ == 'float64'


def test_the_heads_fit_the_official_modules(tmp_path):
    hidden, out = files.HIDDEN, files.OUT
    state = torch.load(files.moco_v3(tmp_path / 'a.pth', random_vit()))['state_dict']

    def part(prefix):
        return {k[len(prefix):]: v for k, v in state.items() if k.startswith(prefix)}

    def layers(*widths):
        for i, (a, b) in enumerate(zip(widths, widths[1:])):
            last = i == len(widths) - 2
            yield from (nn.Linear(a, b, bias=False), nn.BatchNorm1d(b, affine=not last))
            yield from [] if last else [nn.ReLU()]

    load(nn.Sequential(*layers(48, hidden, hidden, out)), part('module.base_encoder.head.'))
    load(nn.Sequential(*layers(out, hidden, out)), part('module.predictor.'))
    state = files.trusted_content(files.moby(tmp_path / 'b.pth', random_swin()))['model']
    mlp = nn.ModuleDict(dict(
        linear_hidden=nn.Sequential(nn.Identity(), nn.Linear(16, hidden), nn.BatchNorm1d(hidden)),
        linear_out=nn.Linear(hidden, out)))
    load(mlp, part('projector.'))


def test_client_files_load_strictly(tmp_path):
    state, *_, arguments = swin_arch()
    content = torch.load(files.timm_swin(tmp_path / 'a.pth', state))
    load(timm_swin(num_classes=files.CLASSES, **arguments), content)
    for write, encoder, model in (
            (files.mmpretrain_swin, state, mmpretrain_swin(window_size=2)),
            (files.mmpretrain_vit, random_vit(), VisionTransformer(
                arch=dict(embed_dims=48, num_layers=3, num_heads=3, feedforward_channels=192),
                img_size=64, patch_size=16))):
        content = torch.load(write(tmp_path / 'b.pth', encoder))
        backbone = {k[9:]: v for k, v in content['state_dict'].items() if k.startswith('backbone.')}
        load(model, backbone)
        assert len(content['state_dict']) == len(backbone) + 2  # the classifier
