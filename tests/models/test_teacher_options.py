"""The teacher's options: normalised targets, inner blocks, own input, another width and grid."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from mimco_mm.checkpoints import CheckpointError
from tests.reference.official import files, swin, vit

HEADS = (1, 2, 4)
SWIN = dict(
    type='SwinTransformer', img_size=32, patch_size=2, window_size=4, drop_path_rate=0.,
    arch=dict(embed_dims=8, depths=[2, 2, 2], num_heads=list(HEADS)), out_indices=(2, ))
VIT = dict(
    type='VisionTransformer', img_size=64, patch_size=16, out_type='featmap',
    arch=dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=192))
STUDENT = dict(
    type='MaskedSwinTransformer', img_size=64, window_size=2, drop_path_rate=0.,
    arch=dict(embed_dims=8, depths=[2, 2, 2, 2], num_heads=[1, 2, 4, 8]))


def images(side: int, seed: int = 5) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(seed))


def official_swin() -> dict:
    return swin.random_swin(embed_dim=8, depths=(2, 2, 2), num_heads=HEADS, window=4, img_size=32,
                            patch=2)


def teacher(backbone: dict, path, **options):
    network = MODELS.build(dict(
        type='FrozenTeacher', backbone=backbone, checkpoint=str(path), **options))
    network.init_weights()
    return network


def vit_teacher(tmp_path, backbone: dict = VIT, official: dict = None, **options):
    path = files.dino_backbone(tmp_path / 'vit.pth', official or vit.random_vit())
    return teacher(backbone, path, **options)


def assert_close(got: torch.Tensor, wanted: torch.Tensor, atol: float = 1e-5) -> None:
    assert wanted.std() > 0.1
    torch.testing.assert_close(got.double(), wanted.double(), rtol=0, atol=atol)


@pytest.mark.parametrize('backbone', [SWIN, VIT], ids=['swin', 'vit'])
def test_layer_norm_targets__each_position_has_mean_0_and_variance_1(tmp_path, backbone):
    official = official_swin() if backbone is SWIN else vit.random_vit()
    path = files.dino_backbone(tmp_path / 'teacher.pth', official)
    x = images(backbone['img_size'])
    plain = teacher(backbone, path)(x)
    got = teacher(backbone, path, layer_norm_targets=True)(x)
    assert got.shape == plain.shape and not torch.allclose(got, plain, atol=1e-2)
    assert got.mean(1).abs().max() < 1e-5
    assert (got.var(1, unbiased=False) - 1).abs().max() < 1e-3
    for image, row, column in ((0, 0, 0), (1, 2, 1), (0, 3, 2)):
        vector = plain[image, :, row, column].double()
        centred = vector - vector.sum() / len(vector)
        variance = (centred * centred).sum() / len(vector)
        assert_close(got[image, :, row, column], centred / (variance + 1e-5).sqrt())


@pytest.mark.parametrize('block', [0, 1, None])
def test_out_indices__of_a_vit_give_an_inner_block_without_the_final_norm(tmp_path, block):
    official = vit.random_vit()
    indices = {} if block is None else dict(out_indices=[block])
    network = vit_teacher(tmp_path, {**VIT, **indices}, official)
    assert network.report.covered == network.report.parameters
    assert_close(network(images(64)), vit.vit_features(official, images(64), 4, block=block)[0])


def test_out_indices__of_a_swin_give_an_inner_stage_with_a_norm_of_its_own(tmp_path):
    official = official_swin()
    path = files.moby(tmp_path / 'moby.pth', official)
    network = teacher({**SWIN, 'out_indices': (1, )}, path, fresh=('norm1.', ))
    assert network.report.fresh == ('norm1.bias', 'norm1.weight')
    assert network.report.left_out[:2] == ('norm2.bias', 'norm2.weight')
    official.update({'norm.weight': torch.ones(16), 'norm.bias': torch.zeros(16)})
    wanted = swin.swin_features(official, images(32), num_heads=HEADS[:2], window=4)
    assert wanted.shape == (2, 16, 8, 8)
    assert_close(network(images(32)), wanted)


def test_out_indices__of_a_swin_need_fresh_to_be_named(tmp_path):
    path = files.moby(tmp_path / 'moby.pth', official_swin())
    with pytest.raises(CheckpointError, match='2 tensors missing: norm1.bias, norm1.weight'):
        teacher({**SWIN, 'out_indices': (1, )}, path)


CLIP_NORM = dict(mean=[122.7709383, 116.7460125, 104.09373615],
                 std=[68.5005327, 66.6321579, 70.32316305])
IMAGENET_NORM = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])


def mimco(target: dict, width: int = 64, student: dict = STUDENT, **kwargs):
    neck = dict(type='MimCoNeck', in_channels=width, hid_channels=8, out_channels=4,
                norm_cfg=dict(type='BN'))
    head = dict(type='QueueContrastiveHead', feat_dim=4, queue_len=8,
                predictor={**neck, 'in_channels': 4}, loss=dict(type='InfoNCELoss'))
    return MODELS.build(dict(
        type='MimCo', backbone=student, target_generator=target, patch_neck=neck,
        patch_head=head, image_neck=neck, image_head=head, **kwargs))


def preprocessor(**kwargs) -> dict:
    return dict(type='MimCoDataPreprocessor', **{**IMAGENET_NORM, **kwargs})


@pytest.mark.parametrize('bgr', [False, True])
def test_input_norm__is_the_raw_image_normalised_as_the_teacher_wants_it(tmp_path, bgr):
    official = vit.random_vit()
    path = files.dino_backbone(tmp_path / 'vit.pth', official)
    model = mimco(dict(type='FrozenTeacher', backbone=VIT, checkpoint=str(path),
                       input_norm=CLIP_NORM), data_preprocessor=preprocessor(to_rgb=bgr))
    model.init_weights()
    raw = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    inputs = model.data_preprocessor(dict(inputs=raw.to(torch.uint8), data_samples=None))['inputs']
    rgb = raw.flip(1) if bgr else raw
    mean, std = (torch.tensor(CLIP_NORM[key]).double().view(3, 1, 1) for key in ('mean', 'std'))
    wanted = (rgb.double() - mean) / std
    assert (inputs - wanted).abs().max() > 0.1
    assert_close(model.target_generator.as_input(inputs), wanted)
    features = vit.vit_features(official, wanted, 4)[0]
    assert_close(model.target_generator(inputs), features, atol=2e-5)


def test_input_norm__follows_the_model_and_is_not_saved(tmp_path):
    path = files.dino_backbone(tmp_path / 'vit.pth', vit.random_vit())
    model = mimco(dict(type='FrozenTeacher', backbone=VIT, checkpoint=str(path),
                       input_norm=CLIP_NORM), data_preprocessor=preprocessor())
    model.init_weights()
    model.to(torch.float64)
    assert model.target_generator(images(64).double()).dtype == torch.float64
    assert not [key for key in model.state_dict() if 'target_generator' in key]


def test_input_norm__without_the_students_norm_is_refused(tmp_path):
    network = vit_teacher(tmp_path, input_norm=CLIP_NORM)
    with pytest.raises(RuntimeError, match='`input_norm` is set.*`set_student_norm`'):
        network(images(64))


def test_input_norm__of_a_student_without_any_is_the_teachers_alone(tmp_path):
    path = files.dino_backbone(tmp_path / 'vit.pth', vit.random_vit())
    model = mimco(dict(type='FrozenTeacher', backbone=VIT, checkpoint=str(path),
                       input_norm=CLIP_NORM), data_preprocessor=dict(type='MimCoDataPreprocessor'))
    mean, std = (torch.tensor(CLIP_NORM[key]).view(3, 1, 1) for key in ('mean', 'std'))
    raw = 255 * torch.rand(2, 3, 64, 64)
    assert_close(model.target_generator.as_input(raw), (raw - mean) / std)


def test_input_norm__by_default_the_teacher_sees_the_students_images(tmp_path):
    x = images(64)
    assert vit_teacher(tmp_path).as_input(x) is x


def test_input_size__gives_the_students_grid(tmp_path):
    from torchvision.transforms.functional import InterpolationMode, resize
    official = vit.random_vit(patch=14, img_size=56)
    network = vit_teacher(tmp_path, {**VIT, 'img_size': 56, 'patch_size': 14}, official,
                          input_size=56)
    small = resize(images(64), [56, 56], InterpolationMode.BICUBIC, antialias=True)
    assert_close(network.as_input(images(64)), small)
    assert network(images(64)).shape == (2, 48, 4, 4)  # 64 px / 16
    assert_close(network(images(64)), vit.vit_features(official, small, 4)[0])


class Given(nn.Module):
    """A teacher that gives what it was built with."""

    def __init__(self, maps: torch.Tensor) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, x):
        return self.maps


def test_mimco__learns_from_a_vit_of_another_width_and_a_finer_grid(tmp_path):
    official = vit.random_vit(patch=8)
    path = files.dino_backbone(tmp_path / 'vit.pth', official)
    model = mimco(dict(type='FrozenTeacher', backbone={**VIT, 'patch_size': 8},
                       checkpoint=str(path), layer_norm_targets=True),
                  width=48, adapter=dict(type='ChannelAdapter', in_channels=64, out_channels=48))
    model.init_weights()
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 1)
    hub.update_info('max_iters', 10)
    x, samples = images(64), [DataSample().set_mask(torch.eye(2)) for _ in range(2)]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    losses = model.loss(x, samples)
    assert losses.keys() == {'loss_patch', 'loss_image'}
    assert all(loss.isfinite() and loss > 0 for loss in losses.values())
    sum(losses.values()).backward()
    for part in (model.adapter, model.backbone.norm3, model.backbone.patch_embed):
        assert all(p.grad.abs().sum() > 0 for p in part.parameters())
    assert all(p.grad is None for p in model.target_generator.network.parameters())

    # the same model, taught by the official network's map, pooled here by hand
    fine = F.layer_norm(vit.vit_features(official, x, 4)[0].movedim(1, -1), (48, )).movedim(-1, 1)
    coarse = fine.reshape(2, 48, 2, 4, 2, 4).mean((3, 5)).float()
    model.load_state_dict(before)
    model.target_generator = Given(coarse)
    for name, loss in model.loss(x, samples).items():
        torch.testing.assert_close(loss, losses[name], rtol=0, atol=1e-4)


def test_if_missing__is_in_the_error(tmp_path):
    with pytest.raises(CheckpointError,
                       match='No such checkpoint file: .*nothing.pth.*Train it with MOBY-CONFIG'):
        teacher(SWIN, tmp_path / 'nothing.pth', if_missing='Train it with MOBY-CONFIG.')


TIMM_VIT = dict(type='TimmFeatureMap', model_name='vit_tiny_patch16_224', img_size=64,
                embed_dim=48, depth=3, num_heads=4)
TIMM_SWIN = dict(type='TimmFeatureMap', model_name='swin_tiny_patch4_window7_224', img_size=32,
                 patch_size=2, window_size=4, embed_dim=8, depths=(2, 2, 2), num_heads=HEADS)


def test_timm_feature_map__is_a_teacher_of_either_family(tmp_path):
    pytest.importorskip('timm')
    official = vit.random_vit()
    network = vit_teacher(tmp_path, TIMM_VIT, official)
    assert network.report.covered == network.report.parameters
    assert_close(network(images(64)), vit.vit_features(official, images(64), 4)[0])
    official = official_swin()
    network = teacher(TIMM_SWIN, files.moby(tmp_path / 'moby.pth', official))
    assert network.report.covered == network.report.parameters
    assert_close(network(images(32)), swin.swin_features(official, images(32), HEADS, 4))


@pytest.mark.parametrize('block', [0, 1])
def test_timm_feature_map__inner_block_of_a_vit_with_the_final_norm(tmp_path, block):
    pytest.importorskip('timm')
    official = vit.random_vit()
    network = vit_teacher(tmp_path, dict(TIMM_VIT, block=block), official)
    inner = vit.vit_features(official, images(64), 4, block=block)[0].movedim(1, -1)
    weight, bias = (official[f'norm.{part}'].double() for part in ('weight', 'bias'))
    normed = F.layer_norm(inner, (48, ), weight, bias, eps=1e-6).movedim(-1, 1)
    assert_close(network(images(64)), normed)


def test_timm_feature_map__timm_without_feature_maps_is_refused(monkeypatch):
    timm = pytest.importorskip('timm')
    monkeypatch.delattr(timm.models.VisionTransformer, 'forward_intermediates')
    with pytest.raises(ValueError, match='vit_tiny_patch16_224.*newer timm'):
        MODELS.build(TIMM_VIT)
