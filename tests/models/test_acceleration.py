"""The faster layers compute what mmpretrain's own do, to rounding, forwards and backwards."""

import math
from typing import Callable

import pytest
import torch
from mmcv.cnn.bricks.transformer import PatchMerging
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmpretrain.models.utils import CosineEMA, ShiftWindowMSA
from mmpretrain.registry import MODELS
from torch import nn
from torch.overrides import TorchFunctionMode

from mimco_mm.models.acceleration import accelerate, attention, layers, onednn_linear
from mimco_mm.models.acceleration.attention import FastShiftWindowMSA, FastWindowMSA
from mimco_mm.models.acceleration.moving_average import FastCosineEMA
from mimco_mm.models.acceleration.onednn_linear import OneDNNLinear
from mimco_mm.models.acceleration.patch_merging import FastPatchMerging
from mimco_mm.options import CONFIGS

SWIN = dict(
    type='MaskedSwinTransformer', img_size=64, window_size=2, drop_path_rate=0.,
    arch=dict(embed_dims=16, depths=[2, 2, 1, 1], num_heads=[1, 2, 4, 8]))
VIT = dict(
    type='MaskedMoCoV3ViT', img_size=64, patch_size=16, drop_path_rate=0.,
    arch=dict(embed_dims=48, num_layers=2, num_heads=12, feedforward_channels=96))
HAS_ONEDNN = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, '_linear_pointwise'), reason='this torch has no oneDNN')


@pytest.fixture(params=['plain', 'fused'])
def window_attention(request, monkeypatch):
    monkeypatch.setattr(attention, 'fused_is_faster', lambda x: request.param == 'fused')


def build(config: dict) -> nn.Module:
    torch.manual_seed(0)
    network = MODELS.build(config)
    network.init_weights()
    for name, parameter in network.named_parameters():
        if 'relative_position_bias_table' in name or 'bias' in name:
            nn.init.normal_(parameter)  # none of them may count for nothing
    network.train()
    return network


def outcome(network: nn.Module) -> dict:
    """Features, and the gradients of all parameters, of two masked images."""
    generator = torch.Generator().manual_seed(1)
    dtype = network.mask_token.dtype
    x = torch.randn(2, 3, 64, 64, generator=generator).to(dtype)
    mask = torch.rand(2, 2, 2, generator=generator) < 0.5
    features = network(x, mask)[-1]
    features.mul(torch.randn(features.shape, generator=generator).to(dtype)).sum().backward()
    grads = {k: p.grad.double() for k, p in network.named_parameters() if p.grad is not None}
    return dict(features=features.double(), **grads)


NETWORKS = pytest.mark.parametrize('config', [SWIN, VIT], ids=['swin', 'vit'])


@NETWORKS
def test_accelerate__features_and_gradients_stay(config, window_attention):
    plain, faster = build(config).double(), accelerate(build(config)).double()
    assert {type(m) for m in plain.modules()} != {type(m) for m in faster.modules()}
    assert list(plain.state_dict()) == list(faster.state_dict())
    wanted, got = outcome(plain), outcome(faster)
    assert wanted.keys() == got.keys()
    for name in wanted:
        assert relative_error(got[name], wanted[name]) < 1e-12, name


@HAS_ONEDNN
@NETWORKS
def test_accelerate__float32_is_as_close_to_float64_as_mmpretrains(config, monkeypatch):
    monkeypatch.setattr(layers, 'onednn_is_faster', lambda: True)
    exact = outcome(build(config).double())
    plain, faster = outcome(build(config)), outcome(accelerate(build(config)))
    for name in exact:
        error, usual = (relative_error(x[name], exact[name]) for x in (faster, plain))
        assert error < 4 * usual + 1e-6, name


def relative_error(got: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return (got - wanted).norm() / wanted.norm()


def test_moving_average__equals_mmpretrains_step_by_step():
    MessageHub.get_current_instance().update_info('max_iters', 10)
    torch.manual_seed(0)
    source = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    averages = [CosineEMA(source, momentum=0.3, interval=2) for _ in range(2)]
    accelerate(averages[1])
    assert type(averages[1]) is FastCosineEMA
    for step in range(7):
        if step == 4:  # as a resumed run
            averages[1].load_state_dict(averages[0].state_dict())
        with torch.no_grad():
            for tensor in source.parameters():
                tensor.add_(torch.randn_like(tensor))
        source[1].running_mean.add_(1)
        for average in averages:
            average.update_parameters(source)
        for (key, wanted), got in zip(averages[0].state_dict().items(),
                                      averages[1].state_dict().values()):
            assert torch.equal(wanted, got), key


def test_cosine_ema__moves_once_in_a_step_of_accumulated_gradients():
    """At the momentum of its iteration, as p3 does; the source moves between the steps alone."""
    hub = MessageHub.get_current_instance()
    hub.update_info('max_iters', 8)
    source = nn.Linear(2, 2)
    average = accelerate(CosineEMA(source, momentum=0.3))
    wanted = source.weight.detach().clone()
    try:
        for iteration in range(8):
            hub.update_info('accumulating', iteration % 2 > 0)
            average.update_parameters(source)
            if iteration % 2 == 0 and iteration:  # at 0 it is a copy
                rate = 0.3 * (math.cos(math.pi * iteration / 8) + 1) / 2
                wanted += rate * (source.weight.detach() - wanted)
            torch.testing.assert_close(average.module.weight, wanted)
            if iteration % 2:
                nn.init.normal_(source.weight)
    finally:
        hub.update_info('accumulating', False)
    assert average.steps == 8


@pytest.mark.parametrize('onednn', [False, True])
@pytest.mark.parametrize('name', [
    'study/moby_swin-micro', 'study/moby_vit-micro', 'study/simmim-moby_swin-micro',
    'study/finetune_vit-micro', 'pretrain/teachers/moby_swin-t', 'benchmarks/imagenet/vit-s',
    'benchmarks/linear/swin-t'])
def test_accelerate__initial_weights_stay(name, onednn, monkeypatch):
    """A runner exchanges layers first; the initialisers then go by the names of their classes."""
    monkeypatch.setattr(layers, 'onednn_is_faster', lambda: onednn)
    plain, faster = (initial_weights(name, exchange) for exchange in (lambda x: x, accelerate))
    assert plain.keys() == faster.keys()
    assert [key for key in plain if not plain[key].equal(faster[key])] == []


def initial_weights(config: str, exchange: Callable) -> dict:
    model = Config.fromfile(CONFIGS / f'{config}.py').model
    if 'checkpoint' in (model.backbone.get('init_cfg') or {}):
        del model.backbone.init_cfg
    torch.manual_seed(0)
    model = exchange(MODELS.build(model))
    model.init_weights()
    return model.state_dict()


def test_accelerate__leaves_subclasses_alone():
    class Other(nn.Linear):
        pass

    model = accelerate(nn.Sequential(Other(2, 2), nn.LayerNorm(2)))
    assert [type(layer) for layer in model] == [Other, nn.LayerNorm]


def test_accelerate__reaches_the_frozen_teacher(tmp_path):
    swin = {**SWIN, 'type': 'SwinTransformer'}
    network = build(swin)
    torch.save(network.state_dict(), tmp_path / 'teacher.pth')
    teacher = MODELS.build(dict(
        type='FrozenTeacher', backbone=swin, checkpoint=str(tmp_path / 'teacher.pth')))
    accelerate(teacher).init_weights()
    network.eval()
    x = torch.randn(2, 3, 64, 64)
    assert any(isinstance(m, FastWindowMSA) for m in teacher.network.modules())
    torch.testing.assert_close(teacher(x), network(x)[-1], rtol=1e-5, atol=1e-5)


def test_window_attention__frozen_bias_is_made_once_and_anew_where_it_changed(monkeypatch):
    layer = FastWindowMSA(8, (2, 2), 2).requires_grad_(False).eval()
    made = []
    make = layer.make_bias
    monkeypatch.setattr(layer, 'make_bias', lambda mask: made.append(mask) or make(mask))
    mask = torch.full((3, 4, 4), -100.)
    for _ in range(3):
        assert torch.equal(layer.bias(mask), make(mask))
    assert len(made) == 1
    layer.relative_position_bias_table.add_(1.)  # as a momentum encoder's is
    assert torch.equal(layer.bias(mask), make(mask)) and len(made) == 2
    assert torch.equal(layer.bias(None), make(None)) and len(made) == 3
    layer.double()
    assert layer.bias(None).dtype == torch.float64
    layer.requires_grad_(True)
    assert layer.bias(None).requires_grad


def test_window_attention__a_momentum_encoders_bias_follows_it():
    """mmengine's averages write into `.data`, which leaves a parameter's version as it is."""
    layer = FastWindowMSA(8, (2, 2), 2).requires_grad_(False)
    before = layer.bias(None)
    layer.relative_position_bias_table.data.add_(1.)
    torch.testing.assert_close(layer.bias(None), before + 1.)


class Attentions(TorchFunctionMode):
    """Notes each call of torch's fused attention: the kernels allowed for it, and its bias."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is nn.functional.scaled_dot_product_attention:
            cuda = torch.backends.cuda
            names = ('cudnn', 'flash', 'mem_efficient', 'math')
            allowed = {name for name in names if getattr(cuda, f'{name}_sdp_enabled')()}
            self.calls.append((allowed, args[3]))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize('trained', [True, False], ids=['student', 'teacher'])
def test_window_attention__one_kernel_and_an_aligned_bias_on_an_accelerator(trained):
    network = accelerate(build(dict(
        type='SwinTransformer', img_size=112, window_size=7, drop_path_rate=0.,
        arch=dict(embed_dims=16, depths=[2, 2], num_heads=[1, 2]), out_indices=(1, ))))
    network = network.requires_grad_(trained).to('meta')
    network.train(trained)
    with Attentions() as attentions:
        network(torch.zeros(2, 3, 112, 112, device='meta'))
    assert len(attentions.calls) == 4
    for allowed, bias in attentions.calls:
        assert allowed == {'flash', 'mem_efficient', 'math'}  # the first of them takes no bias
        assert bias.requires_grad == trained
        assert bias.shape[-2:] == (49, 49)
        assert bias.stride(-1) == 1 and not any(step % 8 for step in bias.stride()[:-1])
    # the windows of a stage share their bias, but where they are shifted
    assert [len(bias) for _, bias in attentions.calls] == [1, 2 * 16, 1, 2 * 4]
    assert torch.backends.cuda.cudnn_sdp_enabled()  # for others


@pytest.mark.parametrize('pad_small_map', [True, False])
@pytest.mark.parametrize('grid', [(4, 8), (4, 4), (6, 4)])
def test_shifted_windows__equal_mmpretrains(grid, pad_small_map):
    torch.manual_seed(0)
    kwargs = dict(embed_dims=8, num_heads=2, window_size=4, shift_size=2,
                  pad_small_map=pad_small_map)
    plain, faster = ShiftWindowMSA(**kwargs), FastShiftWindowMSA(**kwargs)
    faster.load_state_dict(plain.state_dict())
    x = torch.randn(2, grid[0] * grid[1], 8)
    assert torch.equal(plain(x, grid), faster(x, grid))


def test_shifted_windows__mask_is_made_once():
    arguments = (8, 8), 4, 2, torch.device('cpu')
    mask = FastShiftWindowMSA.get_attn_mask(*arguments)
    assert torch.equal(mask, ShiftWindowMSA.get_attn_mask(*arguments))
    assert FastShiftWindowMSA.get_attn_mask(*arguments) is mask
    assert FastShiftWindowMSA.get_attn_mask((8, 8), 4, 0, torch.device('cpu')) is None


@pytest.mark.parametrize('grid', [(4, 6), (5, 4)], ids=['even', 'odd: padded by mmcv'])
def test_patch_merging__equals_mmcvs(grid):
    torch.manual_seed(0)
    plain, faster = (cls(8, 16) for cls in (PatchMerging, FastPatchMerging))
    faster.load_state_dict(plain.state_dict())
    x = torch.randn(3, grid[0] * grid[1], 8)
    (y, size), (y_fast, size_fast) = plain(x, grid), faster(x, grid)
    assert size == size_fast
    assert torch.equal(y, y_fast)


@HAS_ONEDNN
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('shape', [(6, 5), (2, 3, 5), (1, 5)])
def test_onednn_linear__equals_torchs(shape, bias):
    torch.manual_seed(0)
    layer = OneDNNLinear(5, 7, bias)
    x = torch.randn(shape, requires_grad=True)
    reference = nn.functional.linear(x, layer.weight, layer.bias)
    weights = torch.randn_like(reference)
    wanted = torch.autograd.grad((reference * weights).sum(), [x, *layer.parameters()])
    y = layer(x)
    got = torch.autograd.grad((y * weights).sum(), [x, *layer.parameters()])
    assert type(y.grad_fn).__name__ == '_LinearBackward'
    torch.testing.assert_close(y, reference)
    for ours, torchs in zip(got, wanted):
        torch.testing.assert_close(ours, torchs)


@HAS_ONEDNN
def test_onednn_linear__accumulates_and_skips_gradients():
    layer = OneDNNLinear(3, 2)
    layer.weight.requires_grad_(False)
    x = torch.randn(4, 3).t().contiguous().t().requires_grad_()  # not contiguous
    layer(x).sum().backward()
    layer(x).sum().backward()
    assert layer.weight.grad is None
    torch.testing.assert_close(layer.bias.grad, torch.full((2, ), 8.))
    torch.testing.assert_close(x.grad, (2 * layer.weight.sum(0)).expand(4, 3))


def test_onednn_linear__falls_back_outside_float32():
    layer = OneDNNLinear(3, 2).double()
    assert type(layer(torch.randn(4, 3).double()).grad_fn).__name__ == 'AddmmBackward0'
    layer.float()
    with torch.autocast('cpu', torch.bfloat16):
        assert layer(torch.randn(4, 3)).dtype == torch.bfloat16


def test_onednn_is_faster__not_on_intels(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, 'get_cpu_capability', lambda: 'AVX2')
    assert not onednn_linear.onednn_is_faster.__wrapped__()
