"""Teachers of transformers: folders as its own models write them, and what is refused."""

import pytest
import torch
import transformers as hf
from mmpretrain.registry import MODELS

from mimco_mm.errors import ConfigError, UserError
from mimco_mm.models.target_generators import fit_named_teacher
from tests.teachers_walk import model_config

SMALL = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96)
NORM = dict(image_mean=[0.5, 0.4, 0.3], image_std=[0.3, 0.2, 0.1])
# kind -> model, the part of it that sees, its tokens before the patches, and the teacher's side
KINDS = {
    'vit': (lambda: hf.ViTForImageClassification(hf.ViTConfig(**SMALL, image_size=384)),
            lambda model, x: model.vit(x, interpolate_pos_encoding=True), 1, 224),
    'dinov2': (lambda: hf.Dinov2Model(hf.Dinov2Config(**SMALL, patch_size=14, image_size=518)),
               lambda model, x: model(x), 1, 196),
    'registers': (lambda: hf.Dinov2WithRegistersModel(hf.Dinov2WithRegistersConfig(
        **SMALL, patch_size=14, image_size=518)), lambda model, x: model(x), 5, 196),
    'dinov3': (lambda: hf.DINOv3ViTModel(hf.DINOv3ViTConfig(**SMALL, num_register_tokens=4)),
               lambda model, x: model(x), 5, 224),
    'dinov3_convnext': (lambda: hf.DINOv3ConvNextModel(hf.DINOv3ConvNextConfig(
        hidden_sizes=[8, 16, 24, 48], depths=[1, 1, 1, 1])), lambda model, x: model(x), 1, 224),
    'siglip2': (lambda: hf.SiglipModel(hf.SiglipConfig(
        vision_config=dict(SMALL, image_size=256, patch_size=16),
        text_config=dict(SMALL, vocab_size=40))),
                lambda model, x: model.vision_model(x, interpolate_pos_encoding=True), 0, 224),
}


@pytest.fixture(scope='module', params=KINDS)
def folder(request, tmp_path_factory):
    """(kind, folder, model) with weights that are no norm's or scale's first ones."""
    torch.manual_seed(0)
    model = KINDS[request.param][0]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    path = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(path)
    hf.ViTImageProcessor(**NORM).save_pretrained(path)
    return request.param, path, model


def fitted(path) -> dict:
    config = model_config('ViT-S', 'x', {})
    config['target_generator'] = dict(type='FrozenTeacher', hf=str(path))
    fit_named_teacher(config)
    return config


def test_features__are_those_of_transformers(folder):
    kind, path, model = folder
    _, call, prefix, side = KINDS[kind]
    config = fitted(path)
    generator = config['target_generator']
    assert generator.get('input_size', 224) == side
    assert generator['input_norm']['mean'] == pytest.approx([127.5, 102., 76.5])
    assert generator['input_norm']['std'] == pytest.approx([76.5, 51., 25.5])
    assert config['adapter'] == dict(type='ChannelAdapter', in_channels=384, out_channels=48)
    teacher = MODELS.build(generator)
    teacher.init_weights()
    assert teacher.report.covered == teacher.report.parameters
    x = torch.randn(1, 3, side, side)
    with torch.no_grad():
        wanted = call(model, x).last_hidden_state[:, prefix:]
    assert wanted.std() > 0.1
    torch.testing.assert_close(teacher.features(x).flatten(2).transpose(1, 2), wanted, rtol=1e-4,
                               atol=1e-4)


def test_folder__without_what_is_needed_is_refused(tmp_path):
    model = hf.ViTModel(hf.ViTConfig(**SMALL))
    model.save_pretrained(tmp_path / 'vit')
    with pytest.raises(ConfigError, match='preprocessor_config.json.*normalised.*input_norm'):
        fitted(tmp_path / 'vit')
    hf.BertModel(hf.BertConfig(**SMALL)).save_pretrained(tmp_path / 'bert')
    hf.ViTImageProcessor(**NORM).save_pretrained(tmp_path / 'bert')
    with pytest.raises(ConfigError, match='is a bert of transformers; known as teachers are vit'):
        fitted(tmp_path / 'bert')
    with pytest.raises(UserError, match='neither a folder .* nor a name of the Hugging Face hub'):
        fitted(tmp_path / 'nothing')


def test_folder__with_other_weights_than_its_config_says_is_refused(tmp_path):
    hf.ViTModel(hf.ViTConfig(**{**SMALL, 'num_hidden_layers': 1})).save_pretrained(tmp_path)
    hf.ViTImageProcessor(**NORM).save_pretrained(tmp_path)
    hf.ViTConfig(**SMALL).save_pretrained(tmp_path)
    with pytest.raises(UserError, match='tensors missing: encoder.layer.1'):
        MODELS.build(fitted(tmp_path)['target_generator']).init_weights()
