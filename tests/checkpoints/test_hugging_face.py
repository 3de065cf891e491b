"""Folders of the Hugging Face hub as checkpoints, as transformers itself writes them."""

import hashlib
import json
import re
from pathlib import Path
from typing import Optional

import pytest
import torch
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import CheckpointError, describe, load_backbone

from .. import tiny
from ..doors.support import ROOT, run
from ..tools import modules

transformers = pytest.importorskip('transformers')
VIT = dict(
    type='VisionTransformer', img_size=56, patch_size=14, out_type='featmap',
    layer_scale_init_value=0.1,
    arch=dict(embed_dims=48, num_layers=2, num_heads=4, feedforward_channels=192))
SWIN = dict(type='SwinTransformer', out_indices=(1, ),
            arch=dict(embed_dims=8, depths=[1, 1], num_heads=[1, 2]))
SIZE = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=56,
            patch_size=14, intermediate_size=192)
SWIN_SIZE = dict(image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2],
                 window_size=4)


def client(name: str, **config) -> torch.nn.Module:
    """``Dinov2Model`` or the like, with random weights, biases and norms."""
    settings = getattr(transformers, re.sub('(Model|For.*)$', 'Config', name))
    model = getattr(transformers, name)(settings(**config))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def saved(folder: Path, name: str, options: Optional[dict] = None, **config) -> torch.nn.Module:
    model = client(name, **config)
    model.save_pretrained(folder, **(options or {}))
    return model


def load(path, config: dict) -> tuple:
    network = MODELS.build(config)
    network.init_weights()
    report = load_backbone(network, str(path), config_key='checkpoint')
    network.eval()
    return network, report


def refusal(path, config: dict) -> str:
    with pytest.raises(CheckpointError) as error:
        load(path, config)
    return str(error.value)


@pytest.mark.parametrize('options, given', [
    ({}, ''), ({}, 'model.safetensors'), (dict(max_shard_size='50KB'), ''),
    (dict(max_shard_size='50KB'), 'model.safetensors.index.json'),
    (dict(safe_serialization=False), ''),
    (dict(safe_serialization=False, max_shard_size='50KB'), '')])
@pytest.mark.parametrize('name', ['Dinov2Model', 'Dinov2ForImageClassification'])
def test_load_backbone__features_of_dinov2(tmp_path, name, options, given):
    model = saved(tmp_path, name, options, **SIZE)
    assert not options or not (tmp_path / 'model.safetensors').exists()
    x = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(5))
    network, report = load(tmp_path / given, VIT)
    with torch.no_grad():
        tokens = getattr(model, 'dinov2', model)(x).last_hidden_state[:, 1:]
        found = network(x)[-1].flatten(2).transpose(1, 2)
    assert tokens.std() > 0.1 and (found - tokens).abs().max() < 1e-5
    assert report.naming == 'transformers DINOv2' and report.covered == report.parameters
    about = describe(str(tmp_path / given))
    assert about.architecture.heads == 4 and about.sha256 == report.sha256


def test_load_backbone__dinov2_at_another_size(tmp_path):
    saved(tmp_path, 'Dinov2Model', **{**SIZE, 'image_size': 84})
    assert load(tmp_path, VIT)[1].resized == ('pos_embed 6 x 6 -> 4 x 4', )


def test_load_backbone__the_configs_heads_come_before_published_ones(tmp_path):
    """A ViT of width 384 has 6 heads where nothing else is said."""
    saved(tmp_path, 'ViTModel', **{**SIZE, 'hidden_size': 384, 'num_attention_heads': 12})
    config = dict(VIT, layer_scale_init_value=0., arch=dict(VIT['arch'], embed_dims=384))
    assert 'of a ViT with 12 heads (its config.json says so), the network has 4' in refusal(
        tmp_path, config)
    load(tmp_path, dict(config, arch=dict(config['arch'], num_heads=12)))
    (tmp_path / 'config.json').unlink()
    assert 'of a ViT with 6 heads (published' in refusal(tmp_path, config)


def test_load_backbone__hash_of_an_index_counts_its_parts(tmp_path):
    saved(tmp_path, 'Dinov2Model', dict(max_shard_size='50KB'), **SIZE)
    index = tmp_path / 'model.safetensors.index.json'
    parts = dict.fromkeys(json.loads(index.read_text())['weight_map'].values())
    assert len(parts) > 2
    whole = b''.join(file.read_bytes() for file in (index, *(tmp_path / name for name in parts)))
    before = load(tmp_path, VIT)[1].sha256
    assert before == hashlib.sha256(whole).hexdigest()
    last = tmp_path / list(parts)[-1]
    last.write_bytes(last.read_bytes()[:-1] + b'\1')
    assert load(tmp_path, VIT)[1].sha256 != before


def test_load_backbone__damaged_folders(tmp_path):
    saved(tmp_path, 'Dinov2Model', dict(max_shard_size='50KB'), **SIZE)
    index = tmp_path / 'model.safetensors.index.json'
    content = json.loads(index.read_text())
    parts = sorted(set(content['weight_map'].values()))
    lost = tmp_path / parts[1]
    kept = lost.read_bytes()
    lost.unlink()
    assert f'in {len(parts)} files, of which 1 are not beside it: {parts[1]}. Download' in refusal(
        tmp_path, VIT)
    lost.write_bytes((tmp_path / parts[0]).read_bytes())
    assert re.search(rf'{parts[1]} lacks \d+ tensors that {index.name} says are in it: ',
                     refusal(tmp_path, VIT))
    lost.write_bytes(kept[:-10])
    assert f'{parts[1]} ' in refusal(tmp_path, VIT) and 'truncated' in refusal(tmp_path, VIT)
    for text in ('{"weight_map": 3}', '{"metadata": {}}', '[]', '{"weight', ''):
        index.write_text(text)
        assert index.name in refusal(tmp_path, VIT) and 'JSON' in refusal(tmp_path, VIT)
    content['weight_map'] = {name: f'../elsewhere/{part}'
                             for name, part in content['weight_map'].items()}
    index.write_text(json.dumps(content))
    lost.write_bytes(kept)
    load(tmp_path, VIT)  # files beside the index, whatever it says
    (tmp_path / 'config.json').write_text('no JSON')
    assert 'config.json does not hold what its name says' in refusal(tmp_path, VIT)


def test_load_backbone__folder_without_weights(tmp_path):
    (tmp_path / 'epoch_1.pth').touch()
    (tmp_path / 'tf_model.h5').touch()
    assert re.search(r'is a folder without weights that can be read: expected model.safetensors, '
                     r'.* It holds epoch_1.pth, tf_model.h5: give the file', refusal(tmp_path, VIT))


VARIANTS = {
    'Swinv2Model': (SWIN_SIZE, 'a Swin V2: attention by cosine'),
    'Swinv2ForImageClassification': (SWIN_SIZE, 'a Swin V2: attention by cosine'),
    'Dinov2Model': ({**SIZE, 'use_swiglu_ffn': True}, 'a ViT with SwiGLU in place of GELU'),
    'Dinov2WithRegistersModel': (SIZE, 'a ViT with register tokens'),
    'DeiTModel': (SIZE, 'a DeiT with a distillation token'),
}


@pytest.mark.parametrize('name', VARIANTS)
def test_load_backbone__other_networks_are_called_by_their_names(tmp_path, name):
    config, told = VARIANTS[name]
    saved(tmp_path, name, **config)
    assert f'This is {told}' in refusal(tmp_path, SWIN if name.startswith('Swin') else VIT)
    with pytest.raises(CheckpointError, match=f'{tmp_path}: This is {told}'):
        describe(str(tmp_path))


# As users type it


def test_export__of_a_folder(tmp_path):
    saved(tmp_path / 'hub', 'Dinov2Model', dict(max_shard_size='50KB'), **SIZE)
    tool = 'convert/export_backbone.py'
    said = modules.call(tool, tmp_path / 'hub', tmp_path / 'out.pth', '--to', 'mmpretrain')
    assert 'transformers DINOv2' in said
    found, expected = (load(path, VIT)[0].state_dict() for path in (tmp_path / 'out.pth',
                                                                    tmp_path / 'hub'))
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    saved(tmp_path / 'v2', 'Swinv2Model', **SWIN_SIZE)
    said = modules.refusal(tool, tmp_path / 'v2', tmp_path / 'v2.pth', '--to', 'mmpretrain')
    assert 'v2: This is a Swin V2' in said.splitlines()[-1]


def test_train__with_a_folder_as_the_teacher(tmp_path):
    saved(tmp_path / 'my teacher', 'SwinModel', dict(max_shard_size='20KB'), **SWIN_SIZE)
    cfg = tiny.config('mimco_swin-t', tmp_path / 'run', tiny.write_images(tmp_path / 'images', 4),
                      epochs=2, **{'model.target_generator.checkpoint':
                                   str(tmp_path / 'my teacher')})
    cfg.dump(str(tmp_path / 'run.py'))
    done = run(f'python {ROOT}/tools/train.py run.py', tmp_path)
    assert done.code == 0, done.text
    assert re.search(r'my teacher \(sha256 \w+; bare backbone, transformers Swin\): 37 tensors '
                     r'matched', done.text)
    assert (tmp_path / 'run' / 'epoch_2.pth').is_file()
