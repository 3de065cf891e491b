"""Looking into a run shows what the run does, and leaves its model as it was."""

import copy

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn

from mimco_mm.checkpoints import CheckpointError
from mimco_mm.engine.training_images import build_preprocessor, first_batch, to_pixels
from mimco_mm.figures.inspection import load_run, patch_similarity, reconstruct
from mimco_mm.models import MimCo
from tests import tiny
from tests.leaves import leaves


@pytest.fixture
def make(tmp_path):
    """A function that gives the config of a tiny run."""
    tiny.write_images(tmp_path / 'images', 12)
    teacher = tiny.write_teacher(tmp_path / 'teacher.pth')

    def config(name='mimco_swin-t', **overrides):
        cfg = tiny.config(name, tmp_path / 'run', tmp_path / 'images', epochs=1, **overrides)
        if 'mimco' in name:
            cfg.model.target_generator.checkpoint = str(teacher)
        return cfg

    return config


def built(cfg) -> nn.Module:
    """The model as a run begins with it, with some running statistics."""
    torch.manual_seed(0)
    model = MODELS.build({**cfg.model, 'data_preprocessor': build_preprocessor(cfg)})
    model.init_weights()
    for name, buffer in model.named_buffers():
        if 'running_var' in name:
            buffer.uniform_(0.5, 2)
    return model


def batch(cfg, count=4) -> tuple:
    return first_batch(cfg, build_preprocessor(cfg), count, seed=0)


# Images


@pytest.mark.parametrize('name', ['mimco_swin-t', 'teachers/moby_swin-t'])
def test_first_batch__is_what_a_run_with_this_seed_begins_with(make, monkeypatch, name):
    cfg = make(name)
    seen = []
    model = MODELS.get(cfg.model.type)
    loss = model.loss
    monkeypatch.setattr(model, 'loss', lambda self, inputs, data_samples: seen.append(
        (inputs, data_samples)) or loss(self, inputs, data_samples))
    tiny.train(copy.deepcopy(cfg))
    inputs, samples = batch(cfg)
    assert [sample.img_path for sample in samples] == [sample.img_path for sample in seen[0][1]]
    for one, other in zip(*(x if isinstance(x, list) else [x] for x in (inputs, seen[0][0]))):
        assert torch.equal(one, other)
    if 'mimco' in name:
        assert torch.equal(samples[0].mask, seen[0][1][0].mask)


def test_to_pixels__gives_back_the_pipelines_pixels(make):
    cfg = make()
    preprocessor = build_preprocessor(cfg)
    inputs, _ = batch(cfg, count=12)
    kept = []
    preprocessor.register_forward_pre_hook(lambda module, args: kept.append(args[0]))
    first_batch(cfg, preprocessor, 12, seed=0)
    pixels = kept[0]['inputs']['pixels'].numpy()  # RGB, uint8
    flips = np.array([sample.flip for sample in kept[0]['data_samples']])
    pipeline = np.where(flips[:, None, None, None], pixels[:, :, ::-1], pixels)
    np.testing.assert_array_equal(to_pixels(inputs, preprocessor), pipeline)
    assert pipeline.dtype == np.uint8 and pipeline.std() > 20


def test_first_batch__is_another_for_another_seed_and_has_all_images_at_most(make):
    cfg = make()
    preprocessor = build_preprocessor(cfg)
    one, two = (first_batch(cfg, preprocessor, 99, seed) for seed in (0, 1))
    assert len(one[0]) == len(one[1]) == 12
    assert [s.img_path for s in one[1]] != [s.img_path for s in two[1]]


def test_first_batch__missing_images_are_an_error_that_names_the_key(make):
    cfg = make()
    cfg.train_dataloader.dataset.dataset.data_root = '/nowhere'
    with pytest.raises(RuntimeError, match='train_dataloader.dataset.dataset.data_root'):
        batch(cfg)


# Similarity


def mlp(neck: nn.Sequential, x: np.ndarray) -> np.ndarray:
    """p1, p2 or p3 of one feature vector, in eval mode, by hand."""
    state = {key: value.detach().double().numpy() for key, value in neck.state_dict().items()}
    x = state['0.weight'][:, :, 0, 0] @ x + state['0.bias']
    x = (x - state['1.running_mean']) / np.sqrt(state['1.running_var'] + 1e-5)
    x = np.maximum(x * state['1.weight'] + state['1.bias'], 0)
    return state['3.weight'][:, :, 0, 0] @ x + state['3.bias']


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return a @ b / np.sqrt((a @ a) * (b @ b))


def test_similarity__is_that_of_the_heads_at_each_position(make):
    cfg = make()
    model, (inputs, samples) = built(cfg), batch(cfg)
    similarity = patch_similarity(model, inputs, samples)
    model.eval()
    with torch.no_grad():
        mask = torch.stack([sample.mask for sample in samples])
        z, z_k = model.backbone(inputs, mask)[-1], model.target_generator.network(inputs)[-1]
    z, z_k = z.double().numpy(), z_k.double().numpy()
    assert similarity.shape == (4, 4, 4) == (len(z), *z.shape[2:])
    for n, y, x in np.ndindex(4, 4, 4):
        q = mlp(model.patch_head.predictor, mlp(model.patch_neck, z[n, :, y, x]))
        k = mlp(model.momentum_patch_neck.module, z_k[n, :, y, x])
        assert similarity[n, y, x].item() == pytest.approx(cosine(q, k), abs=1e-5)


def test_similarity__leaves_the_model_and_the_random_numbers_as_they_were(make):
    cfg = make()
    model, (inputs, samples) = built(cfg), batch(cfg)
    model.train()
    before = {key: value.clone() for key, value in leaves(model.state_dict())}
    modes = [module.training for module in model.modules()]
    torch.manual_seed(5)
    one = patch_similarity(model, inputs, samples)
    drawn = torch.rand(3)
    assert torch.equal(patch_similarity(model, inputs, samples), one)
    assert [module.training for module in model.modules()] == modes and any(modes)
    assert not model.target_generator.network.training
    after = dict(leaves(model.state_dict()))
    assert any('queues' in key for key in after) and any('running' in key for key in after)
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), drawn) and not one.requires_grad


def test_similarity__of_a_student_that_equals_its_teacher_is_one(make):
    cfg = make('ablations/mimco_swin-t_no-mask')
    model, (inputs, samples) = built(cfg), batch(cfg)
    model.backbone.load_state_dict(model.target_generator.network.state_dict(), strict=False)
    model.momentum_patch_neck.copy_(model.patch_neck)  # statistics too
    assert patch_similarity(model, inputs, samples).max() < 0.999
    model.patch_head.predictor = nn.Identity()
    torch.testing.assert_close(patch_similarity(model, inputs, samples), torch.ones(4, 4, 4))


def test_similarity__of_the_regression_head_is_that_of_the_features(make):
    cfg = make()
    cfg.model.patch_neck = dict(type='torch.nn.Identity')
    cfg.model.patch_head = dict(type='FeatureRegressionHead', in_channels=16)
    model, (inputs, samples) = built(cfg), batch(cfg)
    nn.init.dirac_(model.patch_head.predictor.weight)
    nn.init.zeros_(model.patch_head.predictor.bias)
    similarity = patch_similarity(model, inputs, samples)
    model.eval()
    with torch.no_grad():
        z = model.backbone(inputs, torch.stack([sample.mask for sample in samples]))[-1]
        z_k = model.target_generator(inputs)
    wanted = (z * z_k).sum(1) / (z.norm(dim=1) * z_k.norm(dim=1))
    torch.testing.assert_close(similarity, wanted)


def test_similarity__without_patch_level_is_an_error(make):
    cfg = make(**{'model.patch_neck': None, 'model.patch_head': None})
    with pytest.raises(ValueError, match='no patch level'):
        patch_similarity(built(cfg), *batch(cfg))


# Reconstruction


def test_reconstruction__fills_masked_pixels_alone(make):
    cfg = make()
    simmim = MODELS.build(dict(
        type='SimMIM', backbone=dict(type='MaskedSwinTransformer', **tiny.BACKBONE),
        neck=dict(type='SimMIMLinearDecoder', in_channels=16, encoder_stride=8),
        head=dict(type='SimMIMHead', patch_size=8, loss=dict(
            type='PixelReconstructionLoss', criterion='L1', channel=3))))
    inputs, samples = batch(cfg)
    filled = reconstruct(simmim, inputs, samples)
    mask = torch.stack([sample.mask for sample in samples])
    simmim.eval()
    with torch.no_grad():
        decoded = simmim.neck(simmim.backbone(inputs, mask)[0])
        loss = simmim.head.loss(decoded, inputs, mask)
    for n, y, x in np.ndindex(4, 32, 32):
        source = decoded if mask[n, y // 8, x // 8] else inputs
        assert torch.equal(filled[n, :, y, x], source[n, :, y, x])
    # what is filled in is what the loss compares, averaged over masked values
    torch.testing.assert_close((filled - inputs).abs().sum() / (3 * 64 * mask.sum()), loss,
                               rtol=1e-4, atol=0)


# Checkpoints


def test_load_run__gives_the_runs_model_and_teacher(make, tmp_path):
    cfg = make()
    runner = tiny.train(copy.deepcopy(cfg))
    model = load_run(cfg, str(tmp_path / 'run' / 'epoch_1.pth'))
    assert isinstance(model, MimCo) and not model.training
    wanted, got = runner.model.state_dict(), model.state_dict()
    assert wanted.keys() == got.keys() and len(got) > 30
    assert all(torch.equal(value, got[key]) for key, value in wanted.items())
    inputs, _ = batch(cfg)
    # to rounding: the run has exchanged its layers for faster ones
    torch.testing.assert_close(model.target_generator(inputs),
                               runner.model.target_generator(inputs))

    with pytest.raises(CheckpointError, match='no whole model, at most a backbone: .*epoch_N'):
        load_run(cfg, str(tmp_path / 'run' / 'backbone_epoch_1.pth'))
    cfg.model.target_generator.checkpoint = str(tmp_path / 'other.pth')
    torch.manual_seed(9)
    other = MODELS.build(dict(type='SwinTransformer', **tiny.BACKBONE)).state_dict()
    torch.save({f'backbone.{key}': value for key, value in other.items()}, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match="The run's teacher was the file of sha256"):
        load_run(cfg, str(tmp_path / 'run' / 'epoch_1.pth'))


def test_load_run__another_model_is_refused_by_its_tensors(make, tmp_path):
    cfg = make()
    state = built(cfg).state_dict()
    for damage, message in (
            (dict(extra=torch.zeros(1)), 'Unexpected.*extra'),
            ({'patch_neck.0.bias': torch.zeros(3)}, 'size mismatch for patch_neck.0.bias')):
        torch.save(dict(state_dict={**state, **damage}), tmp_path / 'damaged.pth')
        with pytest.raises(CheckpointError, match=f'(?s)not of a run of this config.*{message}'):
            load_run(cfg, str(tmp_path / 'damaged.pth'))
    state.pop('patch_neck.0.bias')
    torch.save(dict(state_dict=state), tmp_path / 'damaged.pth')
    with pytest.raises(CheckpointError, match='(?s)Missing.*patch_neck.0.bias'):
        load_run(cfg, str(tmp_path / 'damaged.pth'))
