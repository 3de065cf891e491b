"""The teacher stays in eval mode, gets no gradient, is never saved, and is loaded once."""

import pytest
import torch
from mmengine.logging import MessageHub
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.utils._python_dispatch import TorchDispatchMode

from mimco_mm.checkpoints import CheckpointError
from mimco_mm.models.target_generators.probing import spread_of

SWIN = dict(
    type='SwinTransformer', img_size=64, window_size=2, drop_path_rate=0.5,
    arch=dict(embed_dims=8, depths=[2, 2, 2, 2], num_heads=[1, 2, 4, 8]))
VIT = dict(
    type='MoCoV3ViT', img_size=64, patch_size=32, out_type='featmap', drop_path_rate=0.5,
    arch=dict(embed_dims=64, num_layers=2, num_heads=4, feedforward_channels=64))


@pytest.fixture
def checkpoint(tmp_path):
    """Write a teacher's checkpoint, and return its path."""

    def write(config: dict, name: str = 'teacher.pth') -> str:
        network = MODELS.build(config)
        network.init_weights()
        torch.save(network.state_dict(), tmp_path / name)
        return str(tmp_path / name)

    return write


def build(config: dict, path: str):
    return MODELS.build(dict(type='FrozenTeacher', backbone=config, checkpoint=path))


def build_mimco(path: str):
    neck = dict(type='MimCoNeck', in_channels=64, hid_channels=8, out_channels=4,
                norm_cfg=dict(type='BN'))
    head = dict(type='QueueContrastiveHead', feat_dim=4, queue_len=8,
                predictor={**neck, 'in_channels': 4}, loss=dict(type='InfoNCELoss'))
    return MODELS.build(dict(
        type='MimCo',
        backbone={**SWIN, 'type': 'MaskedSwinTransformer', 'drop_path_rate': 0.},
        target_generator=dict(type='FrozenTeacher', backbone=SWIN, checkpoint=path),
        patch_neck=neck, patch_head=head, image_neck=neck, image_head=head))


@pytest.mark.parametrize('config', [SWIN, VIT])
def test_teacher__stays_in_eval_mode(checkpoint, config):
    teacher = build(config, checkpoint(config))
    teacher.init_weights()
    teacher.train()
    assert teacher.training and not any(m.training for m in teacher.network.modules())
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(teacher(x), teacher(x))  # drop path 0.5 is off


@pytest.mark.parametrize('config', [SWIN, VIT])
def test_teacher__features_are_those_of_the_checkpoints_network(checkpoint, config):
    path = checkpoint(config)
    teacher = build(config, path)
    teacher.init_weights()
    network = MODELS.build(config)
    network.load_state_dict(torch.load(path, weights_only=True))
    network.eval()
    x = torch.randn(2, 3, 64, 64)
    assert teacher(x).shape == (2, 64, 2, 2)
    assert torch.equal(teacher(x), network(x)[-1])


def test_teacher__gets_and_passes_no_gradient(checkpoint):
    teacher = build(SWIN, checkpoint(SWIN))
    teacher.init_weights()
    x = torch.randn(2, 3, 64, 64, requires_grad=True)
    assert not teacher(x).requires_grad
    parameters = list(teacher.network.parameters())
    assert parameters and not any(p.requires_grad for p in parameters)


def test_teacher__is_no_part_of_state_or_parameters(checkpoint):
    model = build_mimco(checkpoint(SWIN))
    model.init_weights()
    assert not [name for name in model.state_dict() if 'target_generator' in name]
    assert not [name for name, _ in model.named_parameters() if 'target_generator' in name]
    assert not [name for name, _ in model.named_buffers() if 'target_generator' in name]
    hidden = {id(p) for p in model.target_generator.network.parameters()}
    assert hidden and hidden.isdisjoint(map(id, model.parameters()))


def test_teacher__follows_the_model_to_another_type(checkpoint):
    model = build_mimco(checkpoint(SWIN))
    model.init_weights()
    model.to(torch.float64)
    network = model.target_generator.network
    assert {p.dtype for p in network.parameters()} == {torch.float64}
    assert model.target_generator(torch.randn(1, 3, 64, 64, dtype=torch.float64)).dtype \
        == torch.float64


def test_teacher__use_before_loading_is_refused(checkpoint):
    teacher = build(SWIN, checkpoint(SWIN))
    with pytest.raises(RuntimeError, match='has not been loaded yet.*init_weights'):
        teacher(torch.randn(1, 3, 64, 64))


def test_teacher__reads_its_file_in_init_weights_alone(tmp_path):
    teacher = build(SWIN, str(tmp_path / 'nothing.pth'))
    with pytest.raises(CheckpointError, match='`model.target_generator.checkpoint`=.*nothing.pth'):
        teacher.init_weights()
    assert teacher.report is None
    with pytest.raises(RuntimeError, match='has not been loaded yet'):
        teacher(torch.randn(1, 3, 64, 64))


def test_teacher__second_init_weights_does_not_reload(checkpoint):
    path = checkpoint(SWIN)
    teacher = build(SWIN, path)
    teacher.init_weights()
    x = torch.randn(1, 3, 64, 64)
    report, features = teacher.report, teacher(x)
    checkpoint(SWIN)  # other weights under the same name
    teacher.init_weights()
    assert teacher.report is report and torch.equal(teacher(x), features)


def test_teacher__mimco_resumes_strictly_without_it(checkpoint):
    path = checkpoint(SWIN)
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 1)
    hub.update_info('max_iters', 10)
    stopped, resumed = build_mimco(path), build_mimco(path)
    for model in (stopped, resumed):
        model.init_weights()
    samples = [DataSample().set_mask(torch.eye(2)) for _ in range(2)]
    x = torch.randn(2, 3, 64, 64)
    stopped.loss(x, samples)  # moves queues, momentum projectors, BN statistics
    resumed.load_state_dict(stopped.state_dict(), strict=True)
    losses = [model.loss(x, samples) for model in (stopped, resumed)]
    assert losses[0].keys() == losses[1].keys() == {'loss_patch', 'loss_image'}
    assert all(torch.equal(losses[0][name], losses[1][name]) for name in losses[0])


def test_teacher__training_leaves_it_as_it_was(checkpoint):
    model = build_mimco(checkpoint(SWIN))
    model.init_weights()
    model.train()
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 0)
    hub.update_info('max_iters', 10)
    network = model.target_generator.network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    student = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    samples = [DataSample().set_mask(torch.eye(2)) for _ in range(2)]
    sum(model.loss(torch.randn(2, 3, 64, 64), samples).values()).backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert any(not torch.equal(value, student[name])
               for name, value in model.backbone.state_dict().items())


@pytest.mark.parametrize('config', [SWIN, VIT])
def test_teacher__in_bfloat16_gives_the_same_features_to_its_rounding(checkpoint, config):
    path = checkpoint(config)
    exact, short = (MODELS.build(dict(
        type='FrozenTeacher', backbone=config, checkpoint=path, dtype=dtype))
        for dtype in (None, 'bfloat16'))
    exact.init_weights(), short.init_weights()
    x = torch.randn(2, 3, 64, 64)
    assert all(p.dtype == torch.bfloat16 for p in short.network.parameters())
    wanted, got = exact(x), short(x)
    assert got.dtype == torch.float32 and not torch.equal(got, wanted)
    assert torch.nn.functional.cosine_similarity(got, wanted, dim=1).min() > 0.999


class Casts(TorchDispatchMode):
    """Counts conversions to bfloat16."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += (kwargs or {}).get('dtype') is torch.bfloat16
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize('config', [SWIN, VIT])
def test_teacher__under_autocast_casts_its_weights_once(checkpoint, config):
    teacher = build(config, checkpoint(config))
    teacher.init_weights()
    layers = [module for module in teacher.network.modules()
              if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d))]
    weights = sum(len(list(layer.parameters())) for layer in layers)
    x = torch.randn(2, 3, 64, 64)
    plain = teacher(x)
    counts = []
    with torch.autocast('cpu', torch.bfloat16):
        with torch.no_grad(), Casts() as every_time:
            wanted = teacher.network(x)[-1]
        for _ in range(2):
            with Casts() as casts:
                assert torch.equal(teacher(x), wanted)
            counts.append(casts.count)
    assert counts == [every_time.count, every_time.count - weights]
    assert torch.equal(teacher(x), plain)  # the float32 weights are still there
    assert {p.dtype for p in teacher.network.parameters()} == {torch.float32}
    with torch.no_grad():
        for parameter in teacher.network.parameters():
            parameter.mul_(2.)
    teacher.to(torch.float32)
    with torch.autocast('cpu', torch.bfloat16), torch.no_grad():  # moved: cast anew
        assert torch.equal(teacher(x), teacher.network(x)[-1])
    with torch.autocast('cpu', torch.bfloat16):  # which leaves float64 alone
        assert teacher.double()(x.double()).dtype == torch.float64


def test_teacher__says_which_dtypes_there_are():
    with pytest.raises(ValueError, match="target_generator.dtype.*'bfloat16'.*got 'int8'"):
        MODELS.build(dict(type='FrozenTeacher', backbone=SWIN, checkpoint='', dtype='int8'))


@pytest.mark.parametrize('config', [SWIN, VIT])
@pytest.mark.parametrize('change, message', [
    (torch.zeros_like, 'matrices holds one value'),
    (lambda x: torch.full_like(x, 0.5), 'matrices holds one value'),
    (lambda x: x * 1e30, 'features of made images are not finite')])
def test_teacher__that_tells_no_images_apart_is_refused(tmp_path, config, change, message):
    network = MODELS.build(config)
    network.init_weights()
    learned = {name for name, value in network.named_parameters() if value.requires_grad}
    torch.save({name: change(value) if name in learned else value
                for name, value in network.state_dict().items()}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=f'`model.target_generator.checkpoint`=.*\n.*{message}'
                       '.*--teacher'):
        build(config, str(tmp_path / 'a.pth')).init_weights()


def test_spread__of_features_that_are_the_same_for_all_images():
    row = torch.randn(1, 8, 4, 4)
    with pytest.raises(CheckpointError, match='two different images are the same'):
        spread_of(torch.cat([row, row + 1e-4]))
    assert spread_of(torch.cat([row, -row])).images == pytest.approx(1)
    flat = torch.randn(2, 8, 1, 1).expand(2, 8, 4, 4)  # images differ: a teacher of whole images
    assert spread_of(flat).positions == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('config', [SWIN, VIT])
def test_teacher__is_looked_at_without_a_random_number(checkpoint, config):
    teacher = build(config, checkpoint(config))
    teacher.init_weights()
    before = torch.get_rng_state()
    assert teacher.probe() == teacher.spread and 0.05 < teacher.spread.images < 1
    assert torch.equal(torch.get_rng_state(), before)
