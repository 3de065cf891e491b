"""Blocks whose weights are cast together compute what autocast does, bit for bit."""

from copy import deepcopy

import pytest
import torch
from mmpretrain.models.backbones.swin_transformer import SwinBlock
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import nn

from mimco_mm.models.acceleration import accelerate
from mimco_mm.models.acceleration.joint_casts import CastLinear, JointCasts, joint_casts

BLOCKS = {
    'swin': (SwinBlock, dict(embed_dims=8, num_heads=2, window_size=2), ((4, 4), )),
    'vit': (TransformerEncoderLayer, dict(embed_dims=8, num_heads=2, feedforward_channels=16), ())}


def block_of(name: str, **kwargs) -> tuple:
    kind, arguments, call = BLOCKS[name]
    torch.manual_seed(0)
    block = accelerate(kind(**arguments, **kwargs))
    assert isinstance(block, JointCasts) and isinstance(block, kind)
    return block, call


def results(block: nn.Module, call: tuple, own_forward, times: int = 1) -> list:
    """Output and gradients in bfloat16, of a call of the block."""
    x = torch.randn(3, 16, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        out = sum(own_forward(block, view, *call) for view in (x, -x)[:times])
    out.float().square().sum().backward()
    return [out, x.grad, *(p.grad for p in block.parameters())]


def plainly(block: nn.Module, x: torch.Tensor, *call) -> torch.Tensor:
    """As autocast alone has it."""
    return type(block).__mro__[2].forward(block, x, *call)


@pytest.mark.parametrize('name', BLOCKS)
def test_block__is_autocasts_bit_for_bit(name):
    block, call = block_of(name)
    other = deepcopy(block)
    here = results(block, call, type(block).__call__)
    there = results(other, call, plainly)
    assert all(map(torch.equal, here, there)) and len(here) > 10
    assert all(p.grad.dtype is torch.float32 for p in block.parameters())
    assert not [layer for layer in block.modules() if getattr(layer, 'cast', None)]


def test_block__casts_once_for_all_of_its_layers():
    block, call = block_of('swin')
    graph, kinds = results(block, call, type(block).__call__)[0].grad_fn, set()
    pending = [graph]
    while pending:
        node = pending.pop()
        if node is not None and node not in kinds:
            kinds.add(node)
            pending += [following for following, _ in node.next_functions]
    assert sum(node.name() == '_CastBackward' for node in kinds) == 1


def test_block__of_two_views_sums_gradients_in_float32():
    block, call = block_of('swin')
    exact = results(deepcopy(block).double(), call, lambda b, x, *c: plainly(b, x.double(), *c), 2)
    here = results(deepcopy(block), call, type(block).__call__, 2)
    there = results(deepcopy(block), call, plainly, 2)

    def far(tensors: list) -> float:
        return sum((one - other).norm().item() for one, other in zip(tensors[2:], exact[2:]))

    assert far(here) < 1.05 * far(there)  # autocast's cached weights sum them in bfloat16


def test_block__without_autocast_or_recomputed_is_the_plain_one(monkeypatch):
    block, call = block_of('swin')
    x = torch.randn(3, 16, 8)
    assert torch.equal(block(x, *call), plainly(block, x, *call))
    recomputed, call = block_of('swin', with_cp=True)
    plain, _ = block_of('swin')
    assert all(map(torch.equal, results(recomputed, call, type(block).__call__),
                   results(plain, call, type(block).__call__)))


def test_joint_casts__leave_layers_of_another_type_alone():
    layer = accelerate(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, bias=False)))
    layer[0].to(torch.bfloat16)
    with joint_casts(layer, torch.bfloat16):
        assert layer[0].cast is None and layer[1].cast[1] is None
        assert isinstance(layer[1], CastLinear) and layer[1].cast[0].dtype is torch.bfloat16
    assert layer[1].cast is None
